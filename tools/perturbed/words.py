"""Tasks about programs, tables, words and rules to be followed to the letter."""

from __future__ import annotations

from fractions import Fraction

from perturbed.task import Task

ROMAN = {
    "M": 1000, "CM": 900, "D": 500, "CD": 400, "C": 100, "XC": 90, "L": 50, "XL": 40,
    "X": 10, "IX": 9, "V": 5, "IV": 4, "I": 1,
}  # fmt: skip


def _roman(n: int) -> str:
    text = ""
    for sign, value in ROMAN.items():
        text += sign * (n // value)
        n %= value
    return text


def _from_roman(text: str) -> int:
    total = 0
    for sign, value in ROMAN.items():
        while text.startswith(sign):
            total, text = total + value, text[len(sign) :]
    return total


def _shifted(word: str, k: int) -> str:
    return "".join(chr((ord(letter) - 65 + k) % 26 + 65) for letter in word)


def _swaps(numbers: str) -> int:
    values = [int(part) for part in numbers.split()]
    return sum(a > b for i, a in enumerate(values) for b in values[i + 1 :])


def _waiting(n: int, gap: int, service: int) -> int:
    """Return the wait of customer n when they come every ``gap`` and take ``service`` minutes."""
    return max(0, (n - 1) * (service - gap))


def _stack(a: int, b: int, c: int, d: int) -> int:
    return (a + b) * (c - d)


def _automaton(cells: str, steps: int) -> int:
    row = [int(cell) for cell in cells]
    for _ in range(steps):
        row = [
            (row[i - 1] if i else 0) ^ (row[i + 1] if i + 1 < len(row) else 0)
            for i in range(len(row))
        ]
    return sum(row)


TASKS = [
    Task(
        "loop",
        "{A} runs this Python program.§\n\ntotal = 0\nfor i in range(1, {n}):\n    if i % {k} =="
        " 0:\n        continue\n    total += i\nprint(total)\n\nWhat does it print?",
        "Without running it, work out what {A}'s Python program prints.\n\ntotal = 0\ni ="
        " 1\nwhile i < {n}:\n    if i % {k} != 0:\n        total = total + i\n    i +="
        " 1\nprint(total)",
        "It takes less than a millisecond.",
        "A=Sanne/Rohan",
        {"n": 21, "k": 4},
        {"n": 30, "k": 7},
        lambda n, k: sum(i for i in range(1, n) if i % k),
    ),
    Task(
        "recursion",
        "A function that {A} wrote is defined by f(0) = {a}, f(1) = {b} and f(n) = 2·f(n-1) -"
        " f(n-2) + {c} for larger n.§ What is f({n})?",
        "{A}'s rule is: begin with f(0) = {a} and f(1) = {b}, and from then on take twice the last"
        " value, subtract the one before it and add {c}. Which value is f({n})?",
        "It is used in a game about frogs.",
        "A=Ulla/Ganesh",
        {"a": 1, "b": 3, "c": 2, "n": 9},
        {"a": 4, "b": 5, "c": 3, "n": 8},
        lambda a, b, c, n: a + n * (b - a) + c * n * (n - 1) // 2,
    ),
    Task(
        "slices",
        "In Python, {A} has s = '{word}'.§ What is the value of s[{i}:{j}] + s[::-1][:{k}]?",
        "Python counts from 0. Take the characters of '{word}' from index {i} up to but without"
        " index {j}, and append the first {k} characters of the reversed word. What string does {A}"
        " get?",
        "The variable was called t in an older version.",
        "A=Jule/Sunil",
        {"word": "notebook", "i": 2, "j": 5, "k": 3},
        {"word": "raincoat", "i": 1, "j": 4, "k": 4},
        lambda word, i, j, k: word[i:j] + word[::-1][:k],
    ),
    Task(
        "shift-cipher",
        "{A} writes a word in capitals and replaces every letter by the one {k} places further on"
        " in the alphabet, with A after Z. The result is {code}.§ Which word was it?",
        "Each letter of a word was moved {k} places forward in the alphabet (after Z comes A"
        " again), and {code} came out. Give the word that {A} started with, in capitals.",
        "The word was sent by postcard.",
        "A=Karin/Bashir",
        {"k": 5, "code": "MFWGTW"},
        {"k": 9, "code": "BRUENA"},
        lambda k, code: _shifted(code, -k),
    ),
    Task(
        "count-letters",
        "How often does the letter {c} occur in the sentence '{text}', capital letters included?"
        " {A} is not sure.§",
        "{A} counts every {c}, small or capital, in these words: '{text}'. How many are there?",
        "The sentence was found on a biscuit tin.",
        "A=Paula/Yong",
        {"c": "e", "text": "Every evening the eldest engineer feeds three geese"},
        {"c": "s", "text": "Six sleepless swans splash across the mossy pass"},
        lambda c, text: text.lower().count(c),
    ),
    Task(
        "stack-machine",
        "A stack machine built by {A} reads: push {a}, push {b}, add, push {c}, push {d}, subtract,"
        " multiply. 'Subtract' takes the top number from the one below it.§ Which number is on the"
        " stack at the end?",
        "Evaluate {a} {b} + {c} {d} - * in reverse Polish notation, as {A}'s calculator does.",
        "It has room for 16 numbers.",
        "A=Malin/Kwesi",
        {"a": 7, "b": 8, "c": 21, "d": 9},
        {"a": 14, "b": 5, "c": 17, "d": 11},
        _stack,
    ),
    Task(
        "bits",
        "What is the decimal value of {a} XOR {b}, bit by bit, plus the number of ones in the"
        " binary form of {n}? {A} needs it for a checksum.§",
        "For a checksum, {A} combines the binary forms of {a} and {b} by exclusive or and then adds"
        " the number of 1s that {n} has in binary. Give the result in decimal.",
        "The program runs on a machine with 64 bits.",
        "A=Ylva/Nuno",
        {"a": 45, "b": 27, "n": 119},
        {"a": 58, "b": 39, "n": 95},
        lambda a, b, n: (a ^ b) + n.bit_count(),
    ),
    Task(
        "roman",
        "Two inscriptions on a {x} read {a} and {b}.§ Write the difference of the two years as a"
        " Roman numeral.",
        "Subtract the smaller of {a} and {b}, years found on a {x}, from the larger, and give the"
        " result in Roman numerals.",
        "The stone is 2 metres high.",
        "x=town_hall/fountain",
        {"a": "MDCCCLXXXIV", "b": "MDCXLIX"},
        {"a": "MCMXCVI", "b": "MDCCXLVII"},
        lambda a, b: _roman(abs(_from_roman(a) - _from_roman(b))),
    ),
    Task(
        "table-sum",
        "{A} keeps this table of deliveries:§\n\nday | kind | boxes\n1 | tea | {a}\n1 | rice |"
        " {b}\n2 | tea | {c}\n3 | rice | {d}\n3 | tea | {e}\n4 | tea | {f}\n\nHow many boxes of"
        " tea came on days with fewer than {k} boxes in total?",
        "Deliveries in {A}'s book: tea {a} and rice {b} on day 1; tea {c} on day 2; rice {d} and"
        " tea {e} on day 3; tea {f} on day 4. Leave out every day on which {k} or more boxes"
        " arrived altogether. How many boxes of tea remain?",
        "A box of rice weighs 20 kilograms.",
        "A=Femke/Lamar",
        {"a": 12, "b": 9, "c": 17, "d": 4, "e": 8, "f": 25, "k": 20},
        {"a": 14, "b": 3, "c": 22, "d": 6, "e": 11, "f": 9, "k": 18},
        lambda a, b, c, d, e, f, k: sum(
            tea for tea, day in ((a, a + b), (c, c), (e, d + e), (f, f)) if day < k
        ),
    ),
    Task(
        "bubble-sort",
        "{A} sorts the cards {numbers} into rising order and may only swap neighbours.§ What is the"
        " smallest number of swaps?",
        "The cards lie in the order {numbers}. Exchanging two adjacent cards counts as one move."
        " How many moves does {A} need at least to have them rise from left to right?",
        "The cards are worn at the edges.",
        "A=Vilma/Tomoko",
        {"numbers": "5 2 9 1 7 4"},
        {"numbers": "8 3 6 2 9 1"},
        lambda numbers: _swaps(numbers),
    ),
    Task(
        "binary-search",
        "{A} looks for {t} in the sorted list 1, 2, ..., {n} by binary search: look at the middle,"
        " rounded down, of the range that is left, and drop the half that cannot hold the number.§"
        " How many numbers are looked at, the last one included?",
        "Binary search over 1 to {n}: each step looks at floor((low + high) / 2), stops if it is"
        " the number wanted, and otherwise keeps the part above or below it. In how many steps does"
        " {A} find {t}?",
        "The list is kept in a file of 3 kilobytes.",
        "A=Ebba/Chidi",
        {"t": 19, "n": 100},
        {"t": 70, "n": 120},
        lambda t, n: _steps(t, n),
    ),
    Task(
        "one-counter",
        "At a counter that opens at 9:00, customers arrive at 9:00 and every {gap} minutes after"
        " that. {A} serves each of them for {service} minutes, in order of arrival.§ How many"
        " minutes does customer number {n} wait before being served?",
        "{A} is alone at a counter. One customer comes every {gap} minutes, the first as it opens;"
        " each takes {service} minutes. How long, in minutes, is the wait of the {n}th customer?",
        "A poster in the room shows a lighthouse.",
        "A=Tuva/Malik",
        {"gap": 4, "service": 7, "n": 9},
        {"gap": 5, "service": 9, "n": 14},
        lambda gap, service, n: _waiting(n, gap, service),
    ),
    Task(
        "spreadsheet",
        "In {A}'s spreadsheet A1 is {a}, A2 is {b}, A3 = A1 + 2*A2, B1 = A3 - A1, B2 = B1*A2 and B3"
        " = B2 - A3.§ What does B3 show?",
        "Compute a cell for {A}: B3 is B2 minus A3; B2 is B1 times A2; B1 is A3 minus A1; A3 is A1"
        " plus twice A2; A1 and A2 hold {a} and {b}.",
        "Column C is hidden.",
        "A=Merle/Ousmane",
        {"a": 6, "b": 4},
        {"a": 9, "b": 5},
        lambda a, b: 2 * b * b - (a + 2 * b),
    ),
    Task(
        "hash-buckets",
        "{A} puts keys into {n} buckets, numbered from 0, by the remainder of the key divided by"
        " {n}; a full bucket passes the key on to the next one, and after the last comes bucket"
        " 0. Each bucket holds one key. The keys come in the order {p}, {q}, {r}, {s}.§ In which"
        " bucket does {s} end up?",
        "Insert {p}, {q}, {r} and {s}, one after the other, into {A}'s table of {n} places,"
        " counted from 0: the place is the key modulo {n}, and if it is taken, the next free one,"
        " going round. What is the place of {s}?",
        "The table is printed on yellow paper.",
        "A=Hedy/Ismail",
        {"n": 7, "p": 20, "q": 13, "r": 21, "s": 34},
        {"n": 9, "p": 31, "q": 40, "r": 14, "s": 22},
        lambda n, p, q, r, s: _probe(n, (p, q, r, s)),
    ),
    Task(
        "cells",
        "A row of lamps is {cells} (1 is on, 0 is off). Every second each lamp turns on if exactly"
        " one of its two neighbours was on, and off otherwise; beyond the ends everything is off.§"
        " How many lamps are on after {k} seconds, {A} would like to know?",
        "{A} watches lamps that read {cells}, where 1 means on. At each tick a lamp is on if one"
        " and only one neighbour was on before; missing neighbours count as off. Count the lamps"
        " that are on after {k} ticks.",
        "The lamps draw 3 watts each.",
        "A=Signe/Vikram",
        {"cells": "0001000", "k": 3},
        {"cells": "0110010", "k": 2},
        lambda cells, k: _automaton(cells, k),
    ),
    Task(
        "look-and-say",
        "Each line describes the one before it: 1, then 11 (one 1), then 21 (two 1s), then 1211,"
        " and so on. {A} begins with {start} instead of 1.§ What is the sum of the digits of line"
        " {n}, if {start} is line 1?",
        "Line 1 is {start}. Every further line reads out the digits of the last one, first how"
        " many, then which: 1 would become 11, and 11 would become 21. {A} adds up the digits of"
        " line {n}. What is the sum?",
        "The lines are carved into a bench.",
        "A=Runa/Obinna",
        {"start": 3, "n": 5},
        {"start": 22, "n": 4},
        lambda start, n: sum(map(int, _said(str(start), n))),
    ),
    Task(
        "fraction-left",
        "{A} drinks {a}/{b} of a full bottle and fills it up with water, then drinks {c}/{d} of the"
        " mixture.§ What fraction of the bottle is now juice, if it was all juice at first?",
        "From a bottle full of juice {A} takes {a}/{b} and replaces it with water. After mixing,"
        " {c}/{d} is drunk. Which fraction of the bottle's volume is juice at the end?",
        "The juice is from last autumn.",
        "A=Gunn/Ayo",
        {"a": 1, "b": 4, "c": 1, "d": 3},
        {"a": 2, "b": 5, "c": 1, "d": 4},
        lambda a, b, c, d: (1 - Fraction(a, b)) * (1 - Fraction(c, d)),
        other={
            "es": "Bruna bebe {a}/{b} de una botella llena de zumo y la rellena con agua; después"
            " bebe {c}/{d} de la mezcla. ¿Qué fracción del volumen de la botella es ahora"
            " zumo?"
        },
    ),
]


def _steps(t: int, n: int) -> int:
    low, high, steps = 1, n, 1
    while (middle := (low + high) // 2) != t:
        low, high = (middle + 1, high) if middle < t else (low, middle - 1)
        steps += 1
    return steps


def _probe(n: int, keys: tuple[int, ...]) -> int:
    taken: set[int] = set()
    place = 0
    for key in keys:
        place = key % n
        while place in taken:
            place = (place + 1) % n
        taken.add(place)
    return place


def _said(text: str, line: int) -> str:
    for _ in range(line - 1):
        said, run = "", 1
        for i, digit in enumerate(text):
            if text[i + 1 : i + 2] == digit:
                run += 1
            else:
                said, run = f"{said}{run}{digit}", 1
        text = said
    return text
