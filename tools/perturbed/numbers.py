"""Tasks about whole numbers."""

from __future__ import annotations

import math

from perturbed.task import Task


def _last_child(n: int, k: int) -> int:
    survivor = 0
    for size in range(2, n + 1):
        survivor = (survivor + k) % size
    return survivor + 1


TASKS = [
    Task(
        "divisors",
        "In how many ways can {n} {x} be arranged in a full rectangle, if a rectangle of 2 rows and"
        " one of 2 columns count as different?§",
        "{n} {x} are to stand in equal rows. Count the possible numbers of rows, from one row to as"
        " many rows as there are {x}.",
        "It has rained since the morning.",
        "x=chairs/soldiers",
        {"n": 72},
        {"n": 80},
        lambda n: sum(1 for d in range(1, n + 1) if n % d == 0),
    ),
    Task(
        "square-tiles",
        "A {x} of {a} cm by {b} cm is to be covered with equal square tiles, as large as possible,"
        " without cutting any.§ How many tiles are needed?",
        "What number of tiles does it take to cover a {x} of {a} cm by {b} cm exactly, when all"
        " tiles are squares of the same and of the largest possible size?",
        "Tiles come in packs of 6.",
        "x=floor/terrace",
        {"a": 420, "b": 270},
        {"a": 360, "b": 504},
        lambda a, b: a * b // math.gcd(a, b) ** 2,
        other={
            "zh": "要用同样大小的正方形地砖铺满一块长{a}厘米、宽{b}厘米的地面，"
            "不许切割，而且砖要尽可能大。一共需要多少块砖？"
        },
    ),
    Task(
        "beacons",
        "{A} watches three beacons that flash every {a}, {b} and {c} seconds. They have just"
        " flashed together.§ How many times will all three flash together in the following hour,"
        " if that one is not counted?",
        "{A} sees three beacons flash at the same moment. Their intervals are {c}, {a} and {b}"
        " seconds. How often does this happen again within exactly one hour from then?",
        "The beacon in the middle is the tallest.",
        "A=Astrid/Moses",
        {"a": 14, "b": 18, "c": 21},
        {"a": 15, "b": 21, "c": 35},
        lambda a, b, c: 3600 // math.lcm(a, b, c),
    ),
    Task(
        "remainders",
        "{A} packs eggs. In boxes of {p}, {r} are left over; in boxes of {q}, {s} are left over."
        " There are more than {low} eggs.§ What is the smallest number of eggs there can be?",
        "Find the smallest number above {low} that leaves {s} when divided by {q} and {r} when"
        " divided by {p}: so many eggs has {A}.",
        "The hens are of 2 breeds.",
        "A=Maud/Ravi",
        {"p": 6, "r": 4, "q": 10, "s": 8, "low": 100},
        {"p": 8, "r": 5, "q": 12, "s": 9, "low": 150},
        lambda p, r, q, s, low: next(
            n for n in range(low + 1, 10_000) if n % p == r and n % q == s
        ),
    ),
    Task(
        "last-digit",
        "{A} adds {a} to the power of {n} and {b} to the power of {n}.§ What is the last digit of"
        " the sum?",
        "For {A}'s homework, {a}^{n} + {b}^{n} has to be worked out. Which digit stands in the"
        " ones place?",
        "Both powers have more than 20 digits.",
        "A=Uta/Chen",
        {"a": 7, "b": 3, "n": 46},
        {"a": 8, "b": 2, "n": 51},
        lambda a, b, n: (pow(a, n, 10) + pow(b, n, 10)) % 10,
    ),
    Task(
        "digit-sum",
        "{A} is fond of whole numbers whose digits add up to {s}.§ How many such numbers are"
        " there from 1 to {n}?",
        "A list is made for {A} of every number from 1 to {n} whose digit sum is {s}. How many"
        " are on the list?",
        "The number 7 is considered lucky in some places.",
        "A=Gus/Hana",
        {"n": 999, "s": 5},
        {"n": 500, "s": 7},
        lambda n, s: sum(1 for v in range(1, n + 1) if sum(map(int, str(v))) == s),
    ),
    Task(
        "factorial-zeros",
        "{A} multiplies all whole numbers from {a} to {b} together.§ With how many zeros does the"
        " product end?",
        "How many zeros stand at the end of {a} x ... x {b}, the product of all whole numbers from"
        " {a} to {b}, which {A} has a computer print?",
        "The product is printed on 3 lines.",
        "A=Rolf/Ngozi",
        {"a": 20, "b": 60},
        {"a": 31, "b": 80},
        lambda a, b: sum(b // 5**i - (a - 1) // 5**i for i in range(1, 6)),
    ),
    Task(
        "other-base",
        "On an island people count in base {b}. A sign there says that the {x} is {digits} steps"
        " away.§ How many steps is that in our decimal system?",
        "Convert {digits} from base {b} to decimal: it is the number of steps to the {x} on an"
        " island that counts in base {b}.",
        "The island can be walked around in 2 days.",
        "x=well/harbour",
        {"b": 7, "digits": 2045},
        {"b": 6, "digits": 1532},
        lambda b, digits: int(str(digits), b),
    ),
    Task(
        "unpayable",
        "{A} lives in a country that has only coins of {a} and {b} crowns, and no change is"
        " given.§ What is the largest amount that cannot be paid exactly?",
        "With unlimited coins of {b} and {a} crowns, {A} can pay every amount beyond a certain one."
        " Which is the largest that cannot be paid?",
        "The coins show a stag and an ear of wheat.",
        "A=Ilse/Rashid",
        {"a": 7, "b": 9},
        {"a": 5, "b": 11},
        lambda a, b: a * b - a - b,
        other={
            "es": "En un país solo hay monedas de {a} y de {b} coronas, y nadie da cambio. ¿Cuál es"
            " la mayor cantidad que no se puede pagar exactamente?"
        },
    ),
    Task(
        "knockout",
        "{n} {x} enter a knockout tournament; {k} lost matches and one is out, and it ends when"
        " only one of them is left, who has lost {m}.§ How many matches were played?",
        "In a tournament of {n} {x} nobody draws, and {k} defeats mean going home. The winner was"
        " beaten {m} times. What was the total number of matches?",
        "Each match lasts at most 40 minutes.",
        "x=players/teams",
        {"n": 37, "k": 3, "m": 2},
        {"n": 50, "k": 2, "m": 0},
        lambda n, k, m: (n - 1) * k + m,
    ),
    Task(
        "league",
        "In a league of {n} {x} everybody plays everybody else twice. A win gives 3 points, a draw"
        " 1 point to both. At the end all {x} together have {p} points.§ How many matches were"
        " drawn?",
        "{n} {x} met each other twice in a season. With 3 points for a win and 1 each for a draw,"
        " {p} points were handed out in total. Find the number of draws.",
        "The champion had 21 points.",
        "x=clubs/schools",
        {"n": 6, "p": 82},
        {"n": 8, "p": 150},
        lambda n, p: 3 * n * (n - 1) - p,
    ),
    Task(
        "missing-mark",
        "{A}'s marks in {n} tests have a mean of {m}. After one more test the mean is {q}.§ What"
        " was the mark in the last test?",
        "With the last test the mean of {A}'s marks moved from {m} to {q}; before it there had been"
        " {n} tests. Which mark did the last one get?",
        "The best mark so far was in geography.",
        "A=Nora/Emeka",
        {"n": 5, "m": 72, "q": 75},
        {"n": 7, "m": 64, "q": 62},
        lambda n, m, q: (n + 1) * q - n * m,
    ),
    Task(
        "check-digit",
        "{A}'s membership number has four digits and a check digit. The four digits are"
        " multiplied by 5, 4, 3 and 2 from left to right and added up; the check digit is what"
        " has to be added to reach the next multiple of 10, or 0.§ What is the check digit of"
        " {n}?",
        "Multiply the digits of {n}, from left to right, by 5, 4, 3, 2 and add the products. By"
        " how much does the sum fall short of a multiple of 10? That is the check digit of {A}'s"
        " number.",
        "Numbers beginning with 9 belong to honorary members.",
        "A=Bo/Shanti",
        {"n": 3817},
        {"n": 4271},
        lambda n: -sum(int(d) * w for d, w in zip(str(n), (5, 4, 3, 2), strict=True)) % 10,
    ),
    Task(
        "taking-matches",
        "Two players take turns removing 1 to {k} {x} from a pile of {n}. Whoever takes the last"
        " one wins.§ How many should the first player take to be sure of winning?",
        "From {n} {x}, one to {k} are taken at each turn by two players in alternation; taking the"
        " last one wins. Give the number that the beginner must take first to force a win.",
        "The game is played by candlelight.",
        "x=matches/pebbles",
        {"k": 4, "n": 23},
        {"k": 6, "n": 40},
        lambda k, n: n % (k + 1),
        other={
            "zh": "桌上有{n}根火柴，两人轮流取，每次取1到{k}根，取到最后一根的人获胜。"
            "先取的人第一次应该取几根才能保证获胜？"
        },
    ),
    Task(
        "false-coin",
        "Among {A}'s {n} coins, which look alike, one is lighter.§ How many weighings on a"
        " balance without weights are enough in any case to find it?",
        "What is the smallest number of weighings on a two-pan balance that always finds the one"
        " coin, among {n}, that {A} knows to be too light?",
        "The balance is made of brass.",
        "A=Cleo/Tarek",
        {"n": 30},
        {"n": 90},
        lambda n: next(k for k in range(20) if 3**k >= n),
    ),
    Task(
        "counting-out",
        "{n} {x} numbered 1 to {n} stand in a circle. Starting to count at number 1, every {k}th"
        " of those still in the circle leaves.§ What is the number of the one who is left at the"
        " end?",
        "Which number remains when {n} {x} in a circle, numbered from 1, are counted from number 1"
        " and each {k}th one goes out until a single one is left?",
        "The counting rhyme has eleven words.",
        "x=children/pirates",
        {"n": 10, "k": 4},
        {"n": 12, "k": 5},
        lambda n, k: _last_child(n, k),
    ),
]
