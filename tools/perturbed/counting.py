"""Tasks about counting and chance."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

from perturbed.task import Task


def _paths(w: int, h: int, x: int, y: int) -> int:
    through = math.comb(x + y, x) * math.comb(w - x + h - y, w - x)
    return math.comb(w + h, w) - through


def _anagrams(word: str) -> int:
    ways = math.factorial(len(word))
    for letter in set(word):
        ways //= math.factorial(word.count(letter))
    return ways


def _tilings(n: int, broken: int) -> int:
    ways = [1] + [0] * n
    for step in range(1, n + 1):
        reached = ways[step - 1] + (ways[step - 2] if step > 1 else 0)
        ways[step] = 0 if step == broken else reached
    return ways[n]


def _change(n: int, coins: tuple[int, ...]) -> int:
    ways = [1] + [0] * n
    for coin in coins:
        for amount in range(coin, n + 1):
            ways[amount] += ways[amount - coin]
    return ways[n]


TASKS = [
    Task(
        "seats-together",
        "{n} people sit down in a row of {n} chairs. {A} and {B} insist on sitting next to each"
        " other.§ In how many ways can they all be seated?",
        "A row has {n} chairs for {n} people, among them {A} and {B}, who must be neighbours. How"
        " many seating orders are possible?",
        "Two of the chairs have a red cushion.",
        "A=Anna/Kofi B=Ben/Yara",
        {"n": 6},
        {"n": 7},
        lambda n: 2 * math.factorial(n - 1),
    ),
    Task(
        "committee",
        "From {w} women and {m} men a committee of {k} {x} is chosen.§ How many committees have at"
        " least one man?",
        "How many groups of {k} can be formed from {m} men and {w} women so that not all of the"
        " {x} in the group are women?",
        "The committee will meet every second Tuesday.",
        "x=members/delegates",
        {"w": 6, "m": 4, "k": 3},
        {"w": 7, "m": 3, "k": 4},
        lambda w, m, k: math.comb(w + m, k) - math.comb(w, k),
        other={
            "es": "De un grupo de {w} mujeres y {m} hombres se elige un comité de {k} personas."
            " ¿Cuántos comités distintos tienen al menos un hombre?"
        },
    ),
    Task(
        "handshakes",
        "At {P} with {n} couples everybody shakes hands once with everybody except their own"
        " partner.§ How many handshakes are there?",
        "{n} couples meet at {P}. Each person greets every other person by hand, exactly once,"
        " apart from the partner. Count the handshakes.",
        "One of the guests has come by tandem.",
        "P=a_wedding/a_picnic",
        {"n": 6},
        {"n": 9},
        lambda n: 2 * n * (n - 1),
        other={
            "id": "Ada {n} pasang suami istri di sebuah pesta. Setiap orang berjabat tangan satu"
            " kali dengan semua orang kecuali dengan pasangannya sendiri. Berapa kali jabat tangan"
            " yang terjadi?"
        },
    ),
    Task(
        "blocked-corner",
        "{A} walks from the south-west corner of a street grid to a corner {w} blocks east and {h}"
        " blocks north, only ever going east or north. The crossing {x} blocks east and {y} blocks"
        " north of the start is closed.§ How many routes are left?",
        "Moving north or east only, {A} has to reach a point {h} blocks north and {w} blocks east"
        " of the start without passing the closed crossing at {y} blocks north and {x} blocks east."
        " In how many ways can that be done?",
        "A block is about 80 metres long.",
        "A=Clara/Musa",
        {"w": 5, "h": 4, "x": 2, "y": 2},
        {"w": 6, "h": 3, "x": 4, "y": 1},
        lambda w, h, x, y: _paths(w, h, x, y),
    ),
    Task(
        "codes",
        "{A}'s lock takes a code of {k} different digits from 1 to {n}. The last digit must be"
        " even.§ How many codes are possible?",
        "From how many codes of {k} digits can {A} choose, if digits run from 1 to {n}, none may"
        " occur twice and the code ends in an even digit?",
        "The lock was made in a factory that burned down.",
        "A=Ruth/Bilal",
        {"k": 4, "n": 8},
        {"k": 3, "n": 9},
        lambda k, n: n // 2 * math.perm(n - 1, k - 1),
    ),
    Task(
        "letters",
        "In how many different orders can {A} write the letters of the word {word}?§",
        "{A} rearranges the letters of {word} in every possible way, the word itself included. How"
        " many different strings of letters does that give?",
        "The word is painted on a wall in letters 40 cm high.",
        "A=Selma/Akira",
        {"word": "BALLOON"},
        {"word": "PEPPER"},
        lambda word: _anagrams(word),
    ),
    Task(
        "socks",
        "A drawer holds {a} black, {b} grey and {c} white {x}, and the light is out.§ How many must"
        " be taken to be sure of {k} of the same colour?",
        "In the dark, {x} are drawn from a drawer with {c} white, {a} black and {b} grey ones. What"
        " is the smallest number that guarantees {k} of one colour?",
        "One of the grey ones has a hole.",
        "x=socks/gloves",
        {"a": 10, "b": 7, "c": 5, "k": 3},
        {"a": 6, "b": 9, "c": 4, "k": 4},
        lambda a, b, c, k: 1 + sum(min(n, k - 1) for n in (a, b, c)),
    ),
    Task(
        "two-dice",
        "{A} rolls two fair dice with {n} faces (1 to {n}).§ What is the probability that the sum"
        " is {s}? Answer with a fraction.",
        "Two dice, each numbered 1 to {n} and fair, are thrown by {A}. Give, as a fraction, the"
        " probability of a total of {s}.",
        "The roll before this one gave two ones.",
        "A=Nils/Esi",
        {"n": 6, "s": 8},
        {"n": 8, "s": 6},
        lambda n, s: Fraction(min(s - 1, 2 * n + 1 - s), n * n),
    ),
    Task(
        "same-colour",
        "A bag holds {r} red and {b} blue {x}. Two are drawn one after the other without putting"
        " the first one back.§ What is the probability that they have the same colour? Answer"
        " with a fraction.",
        "Without looking, two {x} are taken together from a bag of {b} blue and {r} red ones. As a"
        " fraction, how likely is it that their colours agree?",
        "The bag is made of green cloth.",
        "x=marbles/buttons",
        {"r": 5, "b": 3},
        {"r": 6, "b": 4},
        lambda r, b: Fraction(r * (r - 1) + b * (b - 1), (r + b) * (r + b - 1)),
        other={
            "hi": "एक थैले में {r} लाल और {b} नीली गोलियाँ हैं। बिना वापस रखे एक के बाद एक दो"
            " गोलियाँ निकाली जाती हैं। दोनों के एक ही रंग की होने की प्रायिकता क्या है?"
            " उत्तर भिन्न में दीजिए।"
        },
    ),
    Task(
        "raffle",
        "{A} buys a ticket in a raffle that has {n} of them at {p} euros each. One wins {a}"
        " euros, {k} win {b} euros each, the others nothing.§ How many cents can {A} expect to"
        " lose?",
        "Of {n} tickets, each sold for {p} euros, {k} pay out {b} euros and one pays out {a}. What"
        " is the expected loss in cents of {A}, who buys a single ticket?",
        "The first prize was donated by a baker.",
        "A=Wim/Fatou",
        {"n": 500, "p": 2, "a": 200, "k": 10, "b": 30},
        {"n": 400, "p": 3, "a": 300, "k": 20, "b": 15},
        lambda n, p, a, k, b: 100 * p - 100 * (a + k * b) // n,
    ),
    Task(
        "positive-test",
        "Out of {n} {x}, {s} carry a parasite. A test finds {t} % of the carriers and wrongly"
        " flags {f} % of the healthy {x}.§ If all are tested, how many of the flagged animals"
        " are healthy?",
        "A test that finds {t} % of carriers and gives a false alarm for {f} % of healthy animals"
        " is applied to a herd of {n}, {s} of them carriers. How many healthy {x} are flagged?",
        "Each test takes a quarter of an hour.",
        "x=animals/sheep",
        {"n": 1000, "s": 40, "t": 90, "f": 5},
        {"n": 1500, "s": 100, "t": 80, "f": 3},
        lambda n, s, t, f: (n - s) * f // 100,
    ),
    Task(
        "at-least-one-head",
        "{A} tosses a fair coin {n} times.§ What is the probability of at least {k} heads? Answer"
        " with a fraction.",
        "In {n} tosses of a fair coin {A} hopes for {k} heads or more. How likely is that, as a"
        " fraction?",
        "The coin shows the head of a queen.",
        "A=Lotte/Dev",
        {"n": 5, "k": 2},
        {"n": 6, "k": 2},
        lambda n, k: 1 - Fraction(sum(math.comb(n, i) for i in range(k)), 2**n),
        other={
            "ar": "رُميت قطعة نقود متوازنة {n} مرات. ما احتمال ألا يقل عدد مرات ظهور الصورة عن"
            " {k}؟ اكتب الجواب على هيئة كسر."
        },
    ),
    Task(
        "two-hobbies",
        "In a class of {n}, {a} play {x}, {b} sing and {c} do both.§ How many do neither?",
        "{c} pupils of a class of {n} both sing and play {x}; altogether {b} sing and {a} play. How"
        " many do neither of the two?",
        "The choir practises on Thursdays.",
        "x=football/chess",
        {"n": 31, "a": 17, "b": 12, "c": 5},
        {"n": 28, "a": 15, "b": 16, "c": 8},
        lambda n, a, b, c: n - a - b + c,
        other={
            "hi": "{n} बच्चों की एक कक्षा में {a} बच्चे फ़ुटबॉल खेलते हैं, {b} गाते हैं और {c}"
            " दोनों करते हैं। कितने बच्चे इनमें से कुछ नहीं करते?"
        },
    ),
    Task(
        "sharing-sweets",
        "{n} equal sweets are given to {A}, {B} and {C}, and each of them gets at least {k}.§ In"
        " how many ways can that be done?",
        "How many triples of amounts are there in which {A}, {B} and {C} share out all of {n}"
        " identical sweets, nobody getting fewer than {k}?",
        "The sweets taste of aniseed.",
        "A=Ole/Zuri B=Pia/Amir C=Ida/Joon",
        {"n": 12, "k": 2},
        {"n": 16, "k": 3},
        lambda n, k: math.comb(n - 3 * k + 2, 2),
    ),
    Task(
        "change",
        "{A} pays {n} cents with coins of {a}, {b} and {c} cents, any number of each.§ In how many"
        " ways can that be done?",
        "{A} has plenty of coins of {c}, {b} and {a} cents. Count the different handfuls of coins"
        " that are worth exactly {n} cents.",
        "The till also has a compartment for notes.",
        "A=Vik/Naledi",
        {"n": 30, "a": 2, "b": 5, "c": 10},
        {"n": 40, "a": 5, "b": 10, "c": 20},
        lambda n, a, b, c: _change(n, (a, b, c)),
    ),
    Task(
        "broken-step",
        "A staircase has {n} steps. {A} climbs one or two steps at a time and never treads on step"
        " {k}, which is broken.§ In how many ways can the top be reached?",
        "Taking single or double steps, in how many different ways can {A} get up {n} stairs"
        " without ever standing on stair number {k}?",
        "The stairs were swept on Monday.",
        "A=Zoe/Matthias",
        {"n": 10, "k": 4},
        {"n": 11, "k": 6},
        lambda n, k: _tilings(n, k),
        other={
            "id": "Sebuah tangga mempunyai {n} anak tangga. Rani naik satu atau dua anak tangga"
            " sekali langkah dan tidak pernah menginjak anak tangga ke-{k} karena rusak. Ada"
            " berapa cara untuk sampai ke atas?"
        },
    ),
    Task(
        "rectangles",
        "{A} draws a grid of {w} by {h} small squares.§ How many rectangles, squares included,"
        " does it contain?",
        "On {w} by {h} squared paper, {A} counts all rectangles bounded by grid lines, whatever"
        " their size. What is the result?",
        "Each small square is 5 millimetres wide.",
        "A=Kaja/Ibrahim",
        {"w": 5, "h": 4},
        {"w": 6, "h": 3},
        lambda w, h: math.comb(w + 1, 2) * math.comb(h + 1, 2),
    ),
    Task(
        "position-in-list",
        "{A} lists all arrangements of the letters {word} in alphabetical order.§ At which position"
        " does {word} itself stand?",
        "Every arrangement of the letters of {word} is sorted alphabetically by {A} and numbered"
        " from 1. Which number does {word} get?",
        "The list fits on a single page.",
        "A=Tess/Arjun",
        {"word": "LINK"},
        {"word": "FROST"},
        lambda word: sorted("".join(p) for p in permutations(word)).index(word) + 1,
    ),
]
