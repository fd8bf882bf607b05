"""Tasks about shapes, directions and measures."""

from __future__ import annotations

import math

from perturbed.task import Task

COMPASS = "north east south west"

TASKS = [
    Task(
        "garden-path",
        "A {x} of {a} m by {b} m is surrounded by a path that is {w} m wide all the way round.§"
        " What is the area of the path in square metres?",
        "All around a {x} measuring {a} m by {b} m runs a path of width {w} m. How many square"
        " metres does the path cover?",
        "The gate is on the south side.",
        "x=garden/pond",
        {"a": 20, "b": 12, "w": 2},
        {"a": 15, "b": 9, "w": 3},
        lambda a, b, w: (a + 2 * w) * (b + 2 * w) - a * b,
        other={
            "ar": "حديقة مستطيلة طولها {a} مترًا وعرضها {b} مترًا، يحيط بها ممر عرضه {w} متر من"
            " كل الجهات. ما مساحة الممر بالمتر المربع؟"
        },
    ),
    Task(
        "fence-posts",
        "{A} fences a straight side of {n} m and the two ends of {m} m that meet it at right"
        " angles; the fourth side is a river. A post stands every {k} m, at both corners and at"
        " both ends by the river.§ How many posts are needed?",
        "Three sides of a rectangle are fenced, one of {n} m between two of {m} m; along the fourth"
        " runs a river. With posts {k} m apart, one at each corner and one at each end of the"
        " fence, what is the number of posts that {A} has to buy?",
        "The river is 3 m deep in spring.",
        "A=Hilde/Jabari",
        {"n": 60, "m": 24, "k": 4},
        {"n": 75, "m": 35, "k": 5},
        lambda n, m, k: (n + 2 * m) // k + 1,
        other={
            "es": "Elena valla un lado recto de {n} m y los dos extremos de {m} m que lo cortan en"
            " ángulo recto; el cuarto lado es un río. Hay un poste cada {k} m, también en las dos"
            " esquinas y en los dos extremos junto al río. ¿Cuántos postes hacen falta?"
        },
    ),
    Task(
        "ladder",
        "A ladder of {c} dm leans against a {x}, with its foot {a} dm from it. The foot is pulled"
        " out by another {d} dm.§ By how many dm does the top slide down?",
        "The foot of a ladder {c} dm long stands {a} dm away from a {x}. When it is moved {d} dm"
        " further away, how far down, in dm, does the upper end come?",
        "The ladder weighs 14 kilograms.",
        "x=wall/silo",
        {"c": 25, "a": 7, "d": 8},
        {"c": 65, "a": 16, "d": 9},
        lambda c, a, d: math.isqrt(c * c - a * a) - math.isqrt(c * c - (a + d) ** 2),
    ),
    Task(
        "shadow",
        "A stick of {s} cm throws a shadow of {t} cm. At the same time the shadow of a {x} is {u} m"
        " long.§ How tall is the {x}, in cm?",
        "When the shadow of a {x} measures {u} m, a stick {s} cm tall has a shadow of {t} cm. What"
        " is the height of the {x} in cm?",
        "It is a quarter past three in the afternoon.",
        "x=flagpole/poplar",
        {"s": 80, "t": 120, "u": 9},
        {"s": 90, "t": 60, "u": 7},
        lambda s, t, u: 100 * u * s // t,
        other={
            "id": "Sebatang tongkat setinggi {s} cm mempunyai bayangan {t} cm. Pada saat yang sama"
            " bayangan sebuah tiang panjangnya {u} m. Berapa cm tinggi tiang itu?"
        },
    ),
    Task(
        "painted-cube",
        "A {x} cube with an edge of {n} cm is painted {c} on all sides and then cut into cubes of 1"
        " cm.§ How many of the small cubes have exactly {k} painted faces?",
        "How many small cubes of 1 cm have {k} painted faces, no more and no fewer, after a {x}"
        " cube of {n} cm was painted {c} all over and cut up completely?",
        "The paint took two days to dry.",
        "x=wooden/plaster c=red/blue",
        {"n": 6, "k": 2},
        {"n": 7, "k": 1},
        lambda n, k: {1: 6 * (n - 2) ** 2, 2: 12 * (n - 2)}[k],
    ),
    Task(
        "folded-box",
        "From each corner of a sheet of {x} of {a} cm by {b} cm a square of {s} cm is cut, and the"
        " sides are folded up.§ What is the volume of the open box, in cubic centimetres?",
        "An open box is made of a sheet of {x} measuring {b} cm by {a} cm by cutting a square"
        " with a side of {s} cm out of every corner and folding. How many cubic centimetres does"
        " it hold?",
        "The sheet has a grey and a white side.",
        "x=cardboard/tin",
        {"a": 30, "b": 20, "s": 4},
        {"a": 40, "b": 26, "s": 5},
        lambda a, b, s: (a - 2 * s) * (b - 2 * s) * s,
        other={
            "zh": "一张长{a}厘米、宽{b}厘米的纸板，四个角各剪去一个边长{s}厘米的正方形，"
            "再折成一个无盖的盒子。盒子的容积是多少立方厘米？"
        },
    ),
    Task(
        "sunken-stones",
        "An aquarium with a base of {a} cm by {b} cm is filled to {h} cm. {n} equal {x} are laid"
        " in, all under water, and the level rises to {g} cm.§ What is the volume of one of the"
        " {x}, in cubic centimetres?",
        "The water in a tank of {a} cm by {b} cm goes up from {h} cm to {g} cm when {n} equal {x}"
        " are put in and covered completely. How many cubic centimetres does each displace?",
        "Two of the fish are striped.",
        "x=stones/bricks",
        {"a": 50, "b": 30, "h": 20, "g": 24, "n": 8},
        {"a": 60, "b": 25, "h": 18, "g": 24, "n": 10},
        lambda a, b, h, g, n: a * b * (g - h) // n,
    ),
    Task(
        "turns",
        "{A} faces north, turns right by {a} degrees, left by {b} degrees, and then right by {c}"
        " degrees.§ In which direction does {A} face now: north, east, south or west?",
        "Starting with a view to the north, {A} makes three turns: {a} degrees to the right, {b} to"
        " the left, {c} to the right. Which of north, east, south and west lies ahead at the end?",
        "The wind is blowing from the west at 20 km/h.",
        "A=Britt/Hamza",
        {"a": 135, "b": 270, "c": 45},
        {"a": 225, "b": 90, "c": 45},
        lambda a, b, c: COMPASS.split()[(a - b + c) // 90 % 4],
        options=COMPASS,
    ),
    Task(
        "robot-walk",
        "A {x} follows these orders: {a} steps east, {b} north, {c} west, {d} south, {e} east.§ How"
        " many steps north, south, east or west does it need at least to return to where it began?",
        "East {a}, north {b}, west {c}, south {d}, east {e}: these are the steps a {x} has taken."
        " What is the smallest number of steps along the four directions that brings it back to"
        " the start?",
        "Its battery lasts for 6 hours.",
        "x=robot/lawnmower",
        {"a": 9, "b": 4, "c": 15, "d": 7, "e": 2},
        {"a": 5, "b": 12, "c": 3, "d": 4, "e": 6},
        lambda a, b, c, d, e: abs(a - c + e) + abs(b - d),
    ),
    Task(
        "pizzas",
        "A {x} with a diameter of {a} cm is to be replaced by round ones with a diameter of {b} cm"
        " and the same thickness.§ How many of the small ones have its area in total?",
        "How many round {x}s of diameter {b} cm cover as much area as a single one of {a} cm?",
        "The large one is served on a wooden board.",
        "x=pizza/flatbread",
        {"a": 60, "b": 20},
        {"a": 72, "b": 18},
        lambda a, b: (a // b) ** 2,
        other={
            "hi": "{a} सेमी व्यास की एक गोल रोटी की जगह उतनी ही मोटी, {b} सेमी व्यास की छोटी"
            " रोटियाँ बनानी हैं। कुल क्षेत्रफल बराबर रखने के लिए कितनी छोटी रोटियाँ चाहिए?"
        },
    ),
    Task(
        "triangle-angles",
        "In {A}'s triangle the second angle is {k} times the first, and the third is {d} degrees"
        " larger than the second.§ How large is the third angle, in degrees?",
        "The angles of a triangle drawn by {A} satisfy two conditions: number two equals {k}"
        " times number one, number three exceeds number two by {d} degrees. Find number three in"
        " degrees.",
        "It is drawn with green ink.",
        "A=Swantje/Diego",
        {"k": 3, "d": 12},
        {"k": 2, "d": 30},
        lambda k, d: (180 - d) * k // (2 * k + 1) + d,
        other={
            "ar": "في مثلث، تساوي الزاوية الثانية {k} أمثال الأولى، وتزيد الثالثة على الثانية"
            " بمقدار {d} درجة. كم درجة الزاوية الثالثة؟"
        },
    ),
    Task(
        "map-scale",
        "On a map with the scale 1 : {s}, {P} and the next village are {a} mm apart.§ How long does"
        " it take, in minutes, to walk there in a straight line at {v} km/h?",
        "{P} lies {a} mm from the next village on a map of 1 : {s}. How many minutes does the"
        " straight way take at a walking speed of {v} km/h?",
        "The map was printed in 1962.",
        "P=Alm/Tirat",
        {"s": 50000, "a": 90, "v": 5},
        {"s": 25000, "a": 120, "v": 4},
        lambda s, a, v: s * a * 60 // (v * 1_000_000),
    ),
    Task(
        "balance",
        "{a} {x} weigh as much as {b} {y}, and {c} {y} weigh as much as {d} {z}.§ How many {z}"
        " balance {n} {x}?",
        "On a balance, {c} {y} are as heavy as {d} {z}, and {a} {x} as heavy as {b} {y}. How many"
        " {z} are needed against {n} {x}?",
        "The balance stands on a stool.",
        "x=apples/screws y=plums/nails z=cherries/pins",
        {"a": 2, "b": 6, "c": 3, "d": 12, "n": 5},
        {"a": 3, "b": 6, "c": 4, "d": 20, "n": 7},
        lambda a, b, c, d, n: n * b * d // (a * c),
        other={
            "zh": "{a}个苹果和{b}个李子一样重，{c}个李子和{d}个樱桃一样重。"
            "{n}个苹果和多少个樱桃一样重？"
        },
    ),
    Task(
        "lift",
        "A {x} starts on floor {s}. It goes up {a} floors, down {b}, up by half of the floor number"
        " it is then on, and down {c}.§ On which floor does it end?",
        "From floor {s} a {x} rides up {a} and down {b} floors. Then it rises by as many floors"
        " as half the number of the floor it has reached, and finally comes down {c}. Where is it"
        " now?",
        "The {x} was inspected in March.",
        "x=lift/hoist",
        {"s": 3, "a": 9, "b": 4, "c": 5},
        {"s": 6, "a": 11, "b": 5, "c": 7},
        lambda s, a, b, c: (s + a - b) * 3 // 2 - c,
    ),
    Task(
        "in-the-queue",
        "In a queue {A} is number {a} from the front and {B} is number {b} from the back. There are"
        " {c} people between them, and {A} stands in front of {B}.§ How many people are in the"
        " queue?",
        "{B} has {c} people between him and {A}, who is further ahead. Counted from the front,"
        " {A} is number {a}; counted from the back, {B} is number {b}. How long is the queue, in"
        " people?",
        "The ticket office opens in 10 minutes.",
        "A=Inga/Thabo B=Rolf/Murat",
        {"a": 7, "b": 12, "c": 5},
        {"a": 15, "b": 9, "c": 11},
        lambda a, b, c: a + b + c,
        other={
            "hi": "एक क़तार में मीना आगे से {a}वें स्थान पर है और रवि पीछे से {b}वें स्थान पर।"
            " दोनों के बीच {c} लोग हैं और मीना रवि से आगे खड़ी है। क़तार में कुल कितने लोग"
            " हैं?"
        },
    ),
    Task(
        "reading-pace",
        "A book has {n} pages. {A} reads {a} pages on the first day, and on every later day {k}"
        " more than on the day before.§ On which day is the last page read?",
        "Beginning with {a} pages, {A} adds {k} pages to the daily amount every day. After how many"
        " days is a book of {n} pages finished, the last day counted?",
        "The book was a birthday present.",
        "A=Freya/Tunde",
        {"n": 300, "a": 10, "k": 5},
        {"n": 420, "a": 12, "k": 4},
        lambda n, a, k: next(d for d in range(1, 1000) if d * (2 * a + (d - 1) * k) // 2 >= n),
        other={
            "id": "Sebuah buku tebalnya {n} halaman. Pada hari pertama Wulan membaca {a} halaman,"
            " lalu setiap hari berikutnya {k} halaman lebih banyak daripada hari"
            " sebelumnya. Pada hari keberapa halaman terakhir selesai dibaca?"
        },
    ),
]
