"""The answers of the suite ``perturbed`` found again, each in another way than the tool finds it.

Where the tool has a formula, here things are counted one by one, simulated minute by minute or
searched for; where the tool counts, here is a formula.
"""

from __future__ import annotations

import calendar
import math
import statistics
from collections import deque
from datetime import date, datetime, timedelta
from fractions import Fraction as F
from itertools import combinations, count, permutations, product


def only(values):
    """Return the one value there is."""
    (value,) = values
    return value


def first(start, good, step=1):
    return next(v for v in count(start, step) if good(v))


def near(goal, value):
    return abs(goal - value) < 1e-9


# --- money


def parking(first_hour, more, cap, hours):
    total = paid = 0
    for hour in range(hours):
        if hour % 24 == 0:
            paid = 0
        price = min(cap - paid, first_hour if hour % 24 == 0 else more)
        paid, total = paid + price, total + price
    return total


def postage(base, step, g):
    price, covered = base, 1000
    while covered < g:
        price, covered = price + step, covered + 1000
    return price


def taxi(x, y, z, r):
    return sum(F(r, sum(out > km for out in (x, y, z))) for km in range(z))


def saved(bids):
    winner = bids.pop(bids.index(max(bids)))
    return winner - max(bids)


def stock(n, k, r):
    n -= F(n, 4)
    n -= k
    n += r
    return n - n / 2


# --- clocks


def meet(d, h, v, w):
    at = first(0, lambda t: F(t, 60) * (v + w) >= d)
    return (datetime(2024, 1, 1, h) + timedelta(minutes=at)).strftime("%H:%M")


def fill_hours(a, b):
    level, hours = F(0), 0
    while level < 1:
        level, hours = level + F(1, a) - F(1, b), hours + 1
    return hours if level == 1 else None


def ages(k, n):
    return only(k * b for b in range(1, 200) if k * b + n == 2 * (b + n))


def years(n, p, goal):
    at, size = 0, F(n)
    while size <= goal:
        at, size = at + 1, size * F(100 + p, 100)
    return at


def escalator(a, s, b, t):
    # v steps a second come by themselves: a + v*s == b + v*t
    for steps in range(1, 500):
        if F(steps - a, s) == F(steps - b, t):
            return steps
    return None


def clock_angle(h, m):
    hour, minute = F(h % 12 * 60 + m, 720) * 360, F(m, 60) * 360
    apart = abs(hour - minute)
    return min(apart, 360 - apart)


def slow_clock(k, h, g):
    true = first(0, lambda t: near((g - h) * 60, t * (60 - k) / 60))
    return (datetime(2024, 1, 1, h) + timedelta(minutes=true)).strftime("%H:%M")


def weekday(day, n):
    start = first(
        0, lambda i: calendar.day_name[(date(2024, 1, 1) + timedelta(i)).weekday()] == day
    )
    return (date(2024, 1, 1) + timedelta(start + n)).strftime("%A")


def rota(on, off, n):
    days = (["work"] * on + ["free"] * off) * n
    return days[n - 1]


def next_bus(s, h, k, g, m):
    arrival = g * 60 + m
    return first(h * 60 + s, lambda t: t >= arrival, k) - arrival


def landing(h, m, f, k, z):
    there = datetime(2024, 1, 2, h, m) + timedelta(hours=f, minutes=k) - timedelta(hours=z)
    return there.strftime("%H:%M")


def deadline(d, y, n):
    day = date(y, 4, d) + timedelta(days=n)
    while day.strftime("%a") in ("Sat", "Sun"):
        day += timedelta(days=1)
    assert day.month == 5
    return day.day


# --- counting


def seatings(n):
    return sum(abs(p.index(0) - p.index(1)) == 1 for p in permutations(range(n)))


def routes(w, h, x, y):
    ways = {(0, 0): 1}
    for i, j in product(range(w + 1), range(h + 1)):
        if (i, j) == (x, y):
            ways[i, j] = 0
        elif (i, j) != (0, 0):
            ways[i, j] = ways.get((i - 1, j), 0) + ways.get((i, j - 1), 0)
    return ways[w, h]


def socks(a, b, c, k):
    def can_miss(n):
        amounts = product(range(a + 1), range(b + 1), range(c + 1))
        return any(sum(drawn) == n and max(drawn) < k for drawn in amounts)

    return first(1, lambda n: not can_miss(n))


def dice(n, s):
    return F(sum(i + j == s for i, j in product(range(1, n + 1), repeat=2)), n * n)


def same_colour(r, b):
    pairs = list(combinations("r" * r + "b" * b, 2))
    return F(sum(x == y for x, y in pairs), len(pairs))


def raffle(n, p, a, k, b):
    prizes = [a] + [b] * k + [0] * (n - k - 1)
    return 100 * F(sum(p - prize for prize in prizes), n)


def heads(n, k):
    tosses = list(product((0, 1), repeat=n))
    return F(sum(sum(t) >= k for t in tosses), len(tosses))


def sweets(n, k):
    return sum(i + j + m == n for i, j, m in product(range(k, n + 1), repeat=3))


def change(n, a, b, c):
    return sum(
        i * a + j * b + m * c == n
        for i, j, m in product(range(n // a + 1), range(n // b + 1), range(n // c + 1))
    )


def climbs(n, k):
    if n == 0:
        return 1
    return sum(climbs(n - s, k) for s in (1, 2) if n - s >= 0 and n - s != k)


def rectangles(w, h):
    return sum((w - i + 1) * (h - j + 1) for i in range(1, w + 1) for j in range(1, h + 1))


def rank(word):
    """Lehmer code instead of listing."""
    total = 0
    for i, letter in enumerate(word):
        total += sum(later < letter for later in word[i:]) * math.factorial(len(word) - i - 1)
    return total + 1


# --- numbers


def tiles(a, b):
    side = max(s for s in range(1, min(a, b) + 1) if a % s == b % s == 0)
    return (a // side) * (b // side)


def zeros(a, b):
    text = str(math.prod(range(a, b + 1)))
    return len(text) - len(text.rstrip("0"))


def in_base(b, digits):
    value = 0
    for digit in str(digits):
        value = value * b + int(digit)
    return value


def unpayable(a, b):
    payable = {i * a + j * b for i in range(60) for j in range(60)}
    return max(v for v in range(200) if v not in payable)


def knockout(n, k, m):
    """Let the first player win the cup, beaten m times on the way; every match has one loser."""
    losses, matches = [k] * n, 0
    losses[0] = m
    while any(losses):
        losses[losses.index(max(losses))] -= 1
        matches += 1
    return matches


def draws(n, p):
    matches = 2 * len(list(combinations(range(n), 2)))
    return only(d for d in range(matches + 1) if 3 * (matches - d) + 2 * d == p)


def last_mark(n, m, q):
    return only(x for x in range(101) if statistics.mean([m] * n + [x]) == q)


def check_digit(n):
    a, b, c, d = map(int, str(n))
    return only(x for x in range(10) if (5 * a + 4 * b + 3 * c + 2 * d + x) % 10 == 0)


def winning_take(k, n):
    wins = [False]
    for pile in range(1, n + 1):
        wins.append(any(not wins[pile - t] for t in range(1, min(k, pile) + 1)))
    return only(t for t in range(1, k + 1) if not wins[n - t])


def weighings(n):
    done = 0
    while n > 1:
        n, done = -(-n // 3), done + 1
    return done


def counted_out(n, k):
    circle = deque(range(1, n + 1))
    while len(circle) > 1:
        circle.rotate(1 - k)
        circle.popleft()
    return circle[0]


# --- shapes


def path_area(a, b, w):
    inside = {(x, y) for x in range(w, w + a) for y in range(w, w + b)}
    return sum((x, y) not in inside for x, y in product(range(a + 2 * w), range(b + 2 * w)))


def posts(n, m, k):
    left = [(0, y) for y in range(0, m + 1, k)]
    side = [(x, m) for x in range(0, n + 1, k)]
    right = [(n, y) for y in range(0, m + 1, k)]
    return len({*left, *side, *right})


def painted(n, k):
    faces = [sum(v in (0, n - 1) for v in cube) for cube in product(range(n), repeat=3)]
    return faces.count(k)


def heading(a, b, c):
    angle = math.radians(a - b + c)
    east, north = round(math.sin(angle)), round(math.cos(angle))
    return {(0, 1): "north", (1, 0): "east", (0, -1): "south", (-1, 0): "west"}[east, north]


def walk_back(a, b, c, d, e):
    place = complex(a, 0) + complex(0, b) - complex(c, 0) - complex(0, d) + complex(e, 0)
    return int(abs(place.real) + abs(place.imag))


def third_angle(k, d):
    return only(k * x + d for x in range(1, 180) if x + k * x + (k * x + d) == 180)


def queue(a, b, c):
    def fits(n):
        one, two = a - 1, n - b
        return two - one - 1 == c

    return only(n for n in range(a + b, 300) if fits(n))


def finished(n, a, k):
    day = read = 0
    while read < n:
        read += a + k * day
        day += 1
    return day


# --- order


def race(options, a, b, c):
    times = dict(zip(options, (0.0, a, b, b - c), strict=True))
    return sorted(options, key=times.__getitem__)[2]


def table(n, k, s):
    seats = list(range(1, n + 1))
    at = seats.index(k)
    for _ in range(n // 2):
        at = (at + 1) % n
    for _ in range(s):
        at = (at - 1) % n
    return seats[at]


def children(k):
    found = {
        girls + boys
        for girls, boys in product(range(1, 12), range(1, 12))
        if girls - 1 == boys and boys > 1 and girls == k * (boys - 1)
    }
    return only(found)


def riddle(n, day):
    for today in (date(2024, 1, 1) + timedelta(i) for i in range(7)):
        if (today + timedelta(2) - timedelta(n)).strftime("%A") == day:
            return today.strftime("%A")
    return None


def truth(p, q, r):
    found = []
    for box in (1, 2, 3):
        said = [box == p, box != q, box != r]
        if said.count(True) == 1:
            found.append(box)
    return only(found)


def shortest(a, b, c, d, e):
    far = {"P": {"Q": a, "R": b}, "Q": {"P": a, "R": c, "S": d}}
    far |= {"R": {"P": b, "Q": c, "S": e}, "S": {"Q": d, "R": e}}
    best = dict.fromkeys("PQRS", 10**6) | {"P": 0}
    for _ in range(4):
        for one, ways in far.items():
            for two, km in ways.items():
                best[two] = min(best[two], best[one] + km)
    return best["S"]


def fewest(p, q, r, n):
    best = [0]
    for amount in range(1, n + 1):
        best.append(1 + min(best[amount - coin] for coin in (p, q, r) if coin <= amount))
    return best[n]


def bridge(a, b, c, d):
    times = {"a": a, "b": b, "c": c, "d": d}
    best = {(frozenset("abcd"), True): 0}
    front = list(best)
    while front:
        here, torch = state = front.pop()
        group = here if torch else frozenset("abcd") - here
        for size in (1, 2):
            for walkers in map(frozenset, combinations(sorted(group), size)):
                after = (here - walkers if torch else here | walkers, not torch)
                cost = best[state] + max(times[w] for w in walkers)
                if cost < best.get(after, 10**6):
                    best[after] = cost
                    front.append(after)
    return best[frozenset(), False]


def schedule(p, q, r, s, t):
    """Hour by hour, whatever can be worked on is."""
    left = {"dig": p, "order": q, "pour": r, "walls": s, "roof": t}
    needs = {"pour": ["dig"], "walls": ["pour", "order"], "roof": ["pour", "order"]}
    hours = 0
    while any(left.values()):
        ready = [
            step for step in left if left[step] and not any(left[n] for n in needs.get(step, []))
        ]
        for step in ready:
            left[step] -= 1
        hours += 1
    return hours


def champion(options, a, b, c, d, e, f):
    table = {options[0]: (a, b), options[1]: (c, d), options[2]: (e, f)}
    best = max(3 * won + drawn for won, drawn in table.values())
    tied = [name for name, (won, drawn) in table.items() if 3 * won + drawn == best]
    return max(tied, key=lambda name: table[name][0])


def all_three(n, a, b, c):
    # Those who miss a language are as many different people as possible.
    missing = (n - a) + (n - b) + (n - c)
    return max(0, n - missing)


def common(a, b, c, d, e, f):
    return sum(a <= h < b and c <= h < d and not e <= h < f for h in range(24))


def jugs(p, q, g):
    depth = {(0, 0): 0}
    front = [(0, 0)]
    for x, y in front:
        if g in (x, y):
            return depth[x, y]
        pour, back = min(x, q - y), min(y, p - x)
        moves = [(p, y), (x, q), (0, y), (x, 0), (x - pour, y + pour), (x + back, y - back)]
        for move in moves:
            if move not in depth:
                depth[move] = depth[x, y] + 1
                front.append(move)
    return None


def load(n, a, u, b, v, c, w, d, z):
    best = [0] * (n + 1)
    for kilos, worth in ((a, u), (b, v), (c, w), (d, z)):
        for room in range(n, kilos - 1, -1):
            best[room] = max(best[room], best[room - kilos] + worth)
    return best[n]


def runoff(options, n, a, b, c):
    one, two, three = options
    ballots = [[one, two, three]] * a + [[two, three, one]] * b + [[three, two, one]] * c
    assert len(ballots) == n
    tops = [ballot[0] for ballot in ballots]
    out = min(options, key=tops.count)
    tops = [next(name for name in ballot if name != out) for ballot in ballots]
    return max(options, key=tops.count)


# --- words


def traced(a, b, c, n):
    values = [a, b]
    while len(values) <= n:
        values.append(2 * values[-1] - values[-2] + c)
    return values[n]


def deciphered(k, code):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return code.translate(str.maketrans(alphabet[k:] + alphabet[:k], alphabet))


def polish(a, b, c, d):
    stack = []
    for token in (a, b, "+", c, d, "-", "*"):
        if isinstance(token, int):
            stack.append(token)
        else:
            y, x = stack.pop(), stack.pop()
            stack.append({"+": x + y, "-": x - y, "*": x * y}[token])
    return only(stack)


def bits(a, b, n):
    together = sum(2**i for i in range(16) if a // 2**i % 2 != b // 2**i % 2)
    return together + f"{n:b}".count("1")


NUMERALS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman_difference(a, b):
    def read(text):
        values = [NUMERALS[sign] for sign in text]
        return sum(
            -value if i + 1 < len(values) and values[i + 1] > value else value
            for i, value in enumerate(values)
        )

    apart = abs(read(a) - read(b))
    hundreds = ["", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"]
    tens = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"]
    ones = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"]
    return hundreds[apart // 100] + tens[apart // 10 % 10] + ones[apart % 10]


def swaps(numbers):
    cards, moves = [int(n) for n in numbers.split()], 0
    for _ in cards:
        for i in range(len(cards) - 1):
            if cards[i] > cards[i + 1]:
                cards[i], cards[i + 1] = cards[i + 1], cards[i]
                moves += 1
    return moves


def looks(t, n):
    numbers = list(range(1, n + 1))
    seen = 0
    while True:
        seen += 1
        middle = numbers[(len(numbers) - 1) // 2]
        if middle == t:
            return seen
        numbers = (
            [v for v in numbers if v > middle] if t > middle else [v for v in numbers if v < middle]
        )


def wait(gap, service, n):
    free = 0
    for customer in range(n):
        arrival = customer * gap
        start = max(arrival, free)
        free = start + service
    return start - arrival


def cell_b3(a, b):
    cell = {"A1": a, "A2": b}
    cell["A3"] = cell["A1"] + 2 * cell["A2"]
    cell["B1"] = cell["A3"] - cell["A1"]
    cell["B2"] = cell["B1"] * cell["A2"]
    return cell["B2"] - cell["A3"]


def bucket(n, p, q, r, s):
    buckets = [None] * n
    for key in (p, q, r, s):
        order = [(key + i) % n for i in range(n)]
        buckets[next(place for place in order if buckets[place] is None)] = key
    return buckets.index(s)


def lamps(cells, k):
    on = {i for i, cell in enumerate(cells) if cell == "1"}
    for _ in range(k):
        on = {i for i in range(len(cells)) if ((i - 1) in on) != ((i + 1) in on)}
    return len(on)


def said(start, n):
    line = str(start)
    for _ in range(n - 1):
        runs = []
        for digit in line:
            if runs and runs[-1][1] == digit:
                runs[-1][0] += 1
            else:
                runs.append([1, digit])
        line = "".join(f"{times}{digit}" for times, digit in runs)
    return sum(int(digit) for digit in line)


NAMED = {"finish-order": race, "league-winner": champion, "runoff": runoff}
"""Families whose answer is a name: these take the names first."""

AGAIN = {
    "wine-bill": lambda bill, wine: F(bill, 3) - F(wine, 3),
    "discount-then-tax": lambda price, off, tax: (
        100 * price * (1 - F(off, 100)) * (1 + F(tax, 100))
    ),
    "before-tax": lambda total, tax: total - total / (1 + F(tax, 100)),
    "raise-and-cut": lambda pay, up, down: pay * (1 + F(up, 100)) * (1 - F(down, 100)),
    "exchange-and-back": lambda n, r, s, q: F(n * r - s, q),
    "simple-interest": lambda n, p, m: n + sum(F(n * p, 1200) for _ in range(m)),
    "recipe": lambda n, g, e, have: F(g, e) * have,
    "fuel": lambda c, t, d: t - sum(F(c, 100) for _ in range(d)),
    "mixture": lambda a, p, b, q: statistics.mean([F(p)] * a + [F(q)] * b),
    "dilute": lambda n, p, q: first(0, lambda water: near(q, n * p / (n + water))),
    "postage": postage,
    "parking": lambda first, more, cap, hours: parking(first, more, cap, hours),
    "phone-plans": lambda f, p, g, q: first(0, lambda m: 100 * f + p * m == 100 * g + q * m),
    "sealed-auction": lambda **bids: saved(list(bids.values())),
    "shared-taxi": taxi,
    "rising-savings": lambda s, k, n: sum(s + k * week for week in range(n)),
    "stock": stock,
    "meeting-trains": meet,
    "catch-up": lambda v, late, w: first(0, lambda m: w * m >= v * (m + late)),
    "two-painters": lambda a, b: first(1, lambda m: F(m, 60 * a) + F(m, 60 * b) >= 1),
    "leaking-tank": fill_hours,
    "there-and-back": lambda v, w: statistics.harmonic_mean([F(v), F(w)]),
    "ages": ages,
    "years-to-exceed": years,
    "escalator": escalator,
    "clock-angle": clock_angle,
    "slow-clock": slow_clock,
    "weekday-later": weekday,
    "days-between": lambda d1, d2, y: (
        (31 - d1) + sum(calendar.monthrange(y, m)[1] for m in range(4, 11)) + d2
    ),
    "leap-days": lambda y, z: calendar.leapdays(y, z + 1),
    "rota": rota,
    "next-bus": next_bus,
    "time-zones": landing,
    "laps": lambda a, b: first(a, lambda t: t % b == 0, a),
    "deadline": deadline,
    "seats-together": seatings,
    "committee": lambda w, m, k: sum(
        any(person < m for person in group) for group in combinations(range(w + m), k)
    ),
    "handshakes": lambda n: sum(a // 2 != b // 2 for a, b in combinations(range(2 * n), 2)),
    "blocked-corner": routes,
    "codes": lambda k, n: sum(code[-1] % 2 == 0 for code in permutations(range(1, n + 1), k)),
    "letters": lambda word: len(set(permutations(word))),
    "socks": socks,
    "two-dice": dice,
    "same-colour": same_colour,
    "raffle": raffle,
    "positive-test": lambda n, s, t, f: F(f, 100) * (n - s),
    "at-least-one-head": heads,
    "two-hobbies": lambda n, a, b, c: n - len({*range(a), *range(a - c, a - c + b)}),
    "sharing-sweets": sweets,
    "change": change,
    "broken-step": climbs,
    "rectangles": rectangles,
    "position-in-list": rank,
    "divisors": lambda n: math.prod(
        1 + next(e for e in count() if n % prime ** (e + 1))
        for prime in range(2, n + 1)
        if n % prime == 0 and all(prime % d for d in range(2, prime))
    ),
    "square-tiles": tiles,
    "beacons": lambda a, b, c: sum(t % a == t % b == t % c == 0 for t in range(1, 3601)),
    "remainders": lambda p, r, q, s, low: first(low + 1, lambda n: (n % p, n % q) == (r, s)),
    "last-digit": lambda a, b, n: int(str(a**n + b**n)[-1]),
    "digit-sum": lambda n, s: sum(
        i + j + k == s and 100 * i + 10 * j + k <= n for i, j, k in product(range(10), repeat=3)
    ),
    "factorial-zeros": zeros,
    "other-base": in_base,
    "unpayable": unpayable,
    "knockout": knockout,
    "league": draws,
    "missing-mark": last_mark,
    "check-digit": check_digit,
    "taking-matches": winning_take,
    "false-coin": weighings,
    "counting-out": counted_out,
    "garden-path": path_area,
    "fence-posts": posts,
    "ladder": lambda c, a, d: round(math.sqrt(c**2 - a**2) - math.sqrt(c**2 - (a + d) ** 2), 9),
    "shadow": lambda s, t, u: F(s, t) * u * 100,
    "painted-cube": painted,
    "folded-box": lambda a, b, s: len(range(s, a - s)) * len(range(s, b - s)) * s,
    "sunken-stones": lambda a, b, h, g, n: F(a * b * g - a * b * h, n),
    "turns": heading,
    "robot-walk": walk_back,
    "pizzas": lambda a, b: round((math.pi * a * a / 4) / (math.pi * b * b / 4), 9),
    "triangle-angles": third_angle,
    "map-scale": lambda s, a, v: F(a * s, 1_000_000) / v * 60,
    "balance": lambda a, b, c, d, n: n * F(b, a) * F(d, c),
    "lift": lambda s, a, b, c: (s + a - b) + F(s + a - b, 2) - c,
    "in-the-queue": queue,
    "reading-pace": finished,
    "round-table": table,
    "brothers-and-sisters": children,
    "day-riddle": riddle,
    "truth-boxes": truth,
    "shortest-way": shortest,
    "fewest-coins": fewest,
    "bridge-at-night": bridge,
    "building-plan": schedule,
    "at-least-all": all_three,
    "common-hours": common,
    "two-jugs": jugs,
    "rucksack": load,
    "loop": lambda n, k: sum(set(range(1, n)) - set(range(k, n, k))),
    "recursion": traced,
    "slices": lambda word, i, j, k: (
        "".join(word[at] for at in range(i, j)) + "".join(word[-1 - at] for at in range(k))
    ),
    "shift-cipher": deciphered,
    "count-letters": lambda c, text: sum(letter in (c, c.upper()) for letter in text),
    "stack-machine": polish,
    "bits": bits,
    "roman": roman_difference,
    "table-sum": lambda a, b, c, d, e, f, k: sum(
        sum(tea) for tea, rice in (([a], b), ([c], 0), ([e], d), ([f], 0)) if sum(tea) + rice < k
    ),
    "bubble-sort": swaps,
    "binary-search": looks,
    "one-counter": wait,
    "spreadsheet": cell_b3,
    "hash-buckets": bucket,
    "cells": lamps,
    "look-and-say": said,
    "fraction-left": lambda a, b, c, d: F((b - a) * (d - c), b * d),
}  # fmt: skip
