"""Tasks about orders, schedules, choices and who is who."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from perturbed.task import Task

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"


def _critical(p: int, q: int, r: int, s: int, t: int) -> int:
    return max(p + r, q) + max(s, t)


def _bridge(times: tuple[int, ...]) -> int:
    a, b, c, d = sorted(times)
    return min(a + 3 * b + d, 2 * a + b + c + d)


def _jugs(big: int, small: int, goal: int) -> int:
    """Count the moves to the goal in one of two jugs, breadth first."""
    seen, front, moves = {(0, 0)}, [(0, 0)], 0
    while not any(goal in state for state in front):
        following = set()
        for x, y in front:
            to_small, to_big = min(x, small - y), min(y, big - x)
            following |= {
                (big, y), (x, small), (0, y), (x, 0),
                (x - to_small, y + to_small), (x + to_big, y - to_big),
            }  # fmt: skip
        front, moves = list(following - seen), moves + 1
        seen |= following
    return moves


def _knapsack(limit: int, items: tuple[tuple[int, int], ...]) -> int:
    return max(
        sum(value for _, value in chosen)
        for k in range(len(items) + 1)
        for chosen in combinations(items, k)
        if sum(weight for weight, _ in chosen) <= limit
    )


def _overlap(a: int, b: int, c: int, d: int) -> int:
    return max(0, min(b, d) - max(a, c))


TASKS = [
    Task(
        "finish-order",
        "{A}, {B}, {C} and {D} ran a race without ties. {A} came in {a} seconds before {B}; {C} was"
        " {b} seconds behind {A}; {D} was {c} seconds ahead of {C}.§ Who came in third?",
        "In a race of four with no ties, {D} arrived {c} seconds before {C}, {C} {b} seconds after"
        " {A}, and {A} {a} seconds before {B}. Name the person in third place.",
        "The winner of last year, 61 years old, was watching.",
        "A=Anke/Ming B=Boris/Salif C=Carol/Yuki D=Denis/Rana",
        {"a": 12, "b": 20, "c": 11},
        {"a": 14, "b": 9, "c": 21},
        lambda a, b, c: sorted([(0, "A"), (a, "B"), (b, "C"), (b - c, "D")])[2][1],
        options="A B C D",
    ),
    Task(
        "round-table",
        "{n} people sit at equal distances around a table, numbered clockwise from 1. {A} is number"
        " {k}, and {B} sits {s} places anticlockwise from the person opposite {A}.§ What is {B}'s"
        " number?",
        "Seats at a round table bear the numbers 1 to {n}, clockwise. Start at the seat opposite"
        " number {k}, which is {A}'s, and go {s} seats anticlockwise: there sits {B}. Which number"
        " is it?",
        "There are candles at every third place.",
        "A=Juno/Baraka B=Wolf/Laleh",
        {"n": 16, "k": 5, "s": 4},
        {"n": 20, "k": 14, "s": 7},
        lambda n, k, s: (k + n // 2 - s - 1) % n + 1,
    ),
    Task(
        "brothers-and-sisters",
        "{A} has as many brothers as sisters. {A}'s brother {B} has {k} times as many sisters as"
        " brothers. {A} is a girl.§ How many children are there in the family?",
        "In one family the girl {A} counts the same number of sisters as of brothers, while her"
        " brother {B} has {k} sisters for every brother of his. How many children does the family"
        " have?",
        "They live above a bicycle shop.",
        "A=Elin/Mariam B=Leo/Kojo",
        {"k": 2},
        {"k": 3},
        lambda k: int(2 * Fraction(k + 1, k - 1) + 1),
    ),
    Task(
        "day-riddle",
        "{A} says: '{n} days before the day after tomorrow it was a {day}.'§ Which day of the"
        " week is today?",
        "The day after tomorrow will be {n} days later than a certain {day}. Name the weekday that"
        " {A} is asking for, which is today's.",
        "The riddle is printed on a calendar with 12 pictures.",
        "A=Gerd/Aiko",
        {"n": 5, "day": "Friday"},
        {"n": 12, "day": "Tuesday"},
        lambda n, day: DAYS.split()[(DAYS.split().index(day) + n - 2) % 7],
        options=DAYS,
    ),
    Task(
        "truth-boxes",
        "Three boxes are numbered 1, 2 and 3; one of them holds {x}. Box 1 says: '{x} in box"
        " {p}'. Box 2 says: 'no {x} in box {q}'. Box 3 says: 'no {x} in box {r}'. Exactly one of"
        " the three statements is true.§ In which box is the {x}? Answer with the number.",
        "Only one of three labels is true. The label of box 1 reads '{x} in box {p}', that of box"
        " 2 'no {x} in box {q}', that of box 3 'no {x} in box {r}'. Give the number of the box,"
        " 1, 2 or 3, that holds the {x}.",
        "The boxes are made of cedar.",
        "x=gold/cake",
        {"p": 1, "q": 2, "r": 1},
        {"p": 2, "q": 3, "r": 2},
        lambda p, q, r: next(b for b in (1, 2, 3) if (b == p) + (b != q) + (b != r) == 1),
    ),
    Task(
        "shortest-way",
        "Roads with their lengths in km: {P} to {Q} {a}, {P} to {R} {b}, {Q} to {R} {c}, {Q} to {S}"
        " {d}, {R} to {S} {e}.§ How many km is the shortest way from {P} to {S}?",
        "There are five roads: {R}-{S} ({e} km), {Q}-{S} ({d} km), {Q}-{R} ({c} km), {P}-{R} ({b}"
        " km) and {P}-{Q} ({a} km). Find the length in km of the shortest route between {P} and"
        " {S}.",
        "The road through the forest is closed to lorries.",
        "P=Ard/Omo Q=Bel/Pak R=Cor/Sul S=Dun/Tev",
        {"a": 7, "b": 18, "c": 6, "d": 21, "e": 9},
        {"a": 11, "b": 8, "c": 4, "d": 10, "e": 17},
        lambda a, b, c, d, e: min(a + d, b + e, a + c + e, b + c + d),
    ),
    Task(
        "fewest-coins",
        "A country has coins of {p}, {q} and {r} cents only.§ What is the smallest number of coins"
        " with which {A} can pay exactly {n} cents?",
        "{A} has to pay {n} cents exactly and wants to hand over as few coins as possible. There"
        " are coins of {r}, {q} and {p} cents. How many coins does it take?",
        "The smallest coin shows a wren.",
        "A=Tove/Benji",
        {"p": 1, "q": 7, "r": 10, "n": 14},
        {"p": 1, "q": 9, "r": 20, "n": 36},
        lambda p, q, r, n: min(
            i + j + (n - i * r - j * q) // p
            for i in range(n // r + 1)
            for j in range((n - i * r) // q + 1)
        ),
    ),
    Task(
        "bridge-at-night",
        "Four people must cross a bridge at night with one torch. At most two may cross at a time,"
        " always with the torch, at the pace of the slower. {A} needs {a} minutes, {B} {b}, {C} {c}"
        " and {D} {d}.§ How many minutes does it take at least until all are across?",
        "With a single torch {A}, {B}, {C} and {D} want to get over a bridge that holds two. Alone"
        " they need {a}, {b}, {c} and {d} minutes; a pair walks as slowly as its slower member, and"
        " nobody walks without the torch. Give the shortest total time in minutes.",
        "The bridge is 70 years old.",
        "A=Ulf/Adaeze B=Vic/Bao C=Wyn/Cruz D=Xia/Dina",
        {"a": 2, "b": 3, "c": 8, "d": 11},
        {"a": 1, "b": 4, "c": 5, "d": 9},
        lambda a, b, c, d: _bridge((a, b, c, d)),
    ),
    Task(
        "building-plan",
        "{A}'s shed takes these steps: dig ({p} hours), order wood ({q} hours), pour the base after"
        " digging ({r} hours). When the base is poured and the wood is there, build the walls ({s}"
        " hours) and, at the same time, the roof frame ({t} hours); then it is done.§ With enough"
        " hands, how many hours does it take at least?",
        "{A} has plenty of helpers. Digging takes {p} hours and is followed by pouring the base,"
        " {r} hours; meanwhile wood is ordered, {q} hours. Once wood and base are ready, walls"
        " ({s} hours) and roof frame ({t} hours) are made in parallel. What is the shortest time"
        " in hours for everything?",
        "{A} found the plan in an old magazine.",
        "A=Knut/Samira",
        {"p": 5, "q": 12, "r": 4, "s": 9, "t": 6},
        {"p": 8, "q": 10, "r": 7, "s": 5, "t": 11},
        _critical,
    ),
    Task(
        "league-winner",
        "A win gives 3 points and a draw 1. {A} won {a} and drew {b} matches, {B} won {c} and drew"
        " {d}, {C} won {e} and drew {f}. In case of equal points, more wins decide.§ Who is first?",
        "Rank three teams by points (3 a win, 1 a draw) and, where points are equal, by wins: {C}"
        " with {e} wins and {f} draws, {A} with {a} and {b}, {B} with {c} and {d}. Which team"
        " leads?",
        "The stadium of one of the teams holds 8,000 people.",
        "A=Larks/Foxes B=Rovers/Otters C=Comets/Hornets",
        {"a": 8, "b": 3, "c": 9, "d": 0, "e": 7, "f": 6},
        {"a": 7, "b": 2, "c": 6, "d": 5, "e": 5, "f": 7},
        lambda a, b, c, d, e, f: max((3 * a + b, a, "A"), (3 * c + d, c, "B"), (3 * e + f, e, "C"))[
            2
        ],
        options="A B C",
    ),
    Task(
        "at-least-all",
        "Of {n} guests {a} speak {x}, {b} speak {y} and {c} speak {z}.§ At least how many of them"
        " must speak all three?",
        "What is the smallest possible number of guests who speak {x}, {y} and {z} alike, if among"
        " {n} guests {a} speak the first, {b} the second and {c} the third?",
        "Dinner is served at eight.",
        "x=Dutch/Thai y=Greek/Malay z=Welsh/Hausa",
        {"n": 50, "a": 42, "b": 38, "c": 33},
        {"n": 80, "a": 70, "b": 61, "c": 44},
        lambda n, a, b, c: max(0, a + b + c - 2 * n),
    ),
    Task(
        "common-hours",
        "{A} is at the pool from {a}:00 to {b}:00 and {B} from {c}:00 to {d}:00, but the pool is"
        " closed from {e}:00 to {f}:00.§ For how many hours are both there while it is open?",
        "The pool, closed between {e}:00 and {f}:00, is visited by {B} from {c}:00 until {d}:00 and"
        " by {A} from {a}:00 until {b}:00. How many hours of opening time do they share?",
        "The water has 26 degrees.",
        "A=Nele/Sipho B=Otto/Indira",
        {"a": 9, "b": 17, "c": 12, "d": 20, "e": 13, "f": 15},
        {"a": 8, "b": 18, "c": 10, "d": 21, "e": 16, "f": 19},
        lambda a, b, c, d, e, f: _overlap(a, b, c, d) - _overlap(max(a, c), min(b, d), e, f),
    ),
    Task(
        "two-jugs",
        "{A} has a jug of {p} litres, a jug of {q} litres, no marks on either, and a tap. Filling,"
        " emptying and pouring over each count as one move.§ What is the smallest number of moves"
        " until one of the jugs holds exactly {g} litres?",
        "With two unmarked jugs of {q} and {p} litres, {A} wants exactly {g} litres in one of them."
        " Every filling at the tap, every emptying and every pouring from one into the other is a"
        " move. How many moves are needed at least?",
        "The larger jug has a chipped handle.",
        "A=Ragna/Pradeep",
        {"p": 5, "q": 3, "g": 4},
        {"p": 7, "q": 4, "g": 5},
        lambda p, q, g: _jugs(p, q, g),
    ),
    Task(
        "rucksack",
        "{A} may carry {n} kg. There are four {x}: {a} kg worth {u} euros, {b} kg worth {v}"
        " euros, {c} kg worth {w} euros and {d} kg worth {z} euros, one of each.§ What is the"
        " highest value in euros that {A} can carry?",
        "Four {x} weigh {a}, {b}, {c} and {d} kg and are worth {u}, {v}, {w} and {z} euros in that"
        " order. {A} cannot carry more than {n} kg and each exists once. How many euros can the"
        " load be worth at most?",
        "The road home is 4 km long.",
        "A=Hedda/Rafiq x=crates/parcels",
        {"n": 10, "a": 6, "u": 30, "b": 5, "v": 24, "c": 4, "w": 18, "d": 3, "z": 14},
        {"n": 12, "a": 7, "u": 40, "b": 6, "v": 33, "c": 5, "w": 27, "d": 4, "z": 20},
        lambda n, a, u, b, v, c, w, d, z: _knapsack(n, ((a, u), (b, v), (c, w), (d, z))),
    ),
    Task(
        "runoff",
        "{n} voters rank three candidates. {a} of them rank {A} > {B} > {C}, {b} rank {B} > {C} >"
        " {A}, and {c} rank {C} > {B} > {A}. The candidate with the fewest first places drops out,"
        " and those votes go to the next on the list.§ Who wins?",
        "Instant runoff with {n} ballots: {c} read {C}, {B}, {A}; {b} read {B}, {C}, {A}; {a} read"
        " {A}, {B}, {C}. Whoever has the fewest first choices is eliminated and the ballots move on"
        " to their next name. Name the winner.",
        "The count took until midnight.",
        "A=Ahl/Okoro B=Berg/Paz C=Cruz/Quist",
        {"n": 100, "a": 42, "b": 27, "c": 31},
        {"n": 90, "a": 40, "b": 29, "c": 21},
        lambda n, a, b, c: max([(a, "A"), (n - a, "C" if b < c else "B")])[1],
        options="A B C",
    ),
]
