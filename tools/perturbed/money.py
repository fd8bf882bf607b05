"""Tasks about money and quantities."""

from __future__ import annotations

from fractions import Fraction

from perturbed.task import Task


def _parking(first: int, more: int, cap: int, hours: int) -> int:
    days, rest = divmod(hours, 24)
    return days * cap + min(cap, first + more * (rest - 1) if rest else 0)


TASKS = [
    Task(
        "wine-bill",
        "{A}, {B} and {C} share a restaurant bill of {bill} euros. {wine} euros of it are for wine,"
        " which only {A} and {B} drank and pay for in equal parts; the rest is split evenly among"
        " the three.§ How many euros does {C} pay?",
        "Out of a bill of {bill} euros for three people, {wine} euros went on wine. {C} had none of"
        " it, so {A} and {B} halve the wine between them, and whatever is left is divided by three."
        " What is the amount in euros that falls to {C}?",
        "They had waited 20 minutes for their table.",
        "A=Marta/Ifeoma B=Owen/Raj C=Lena/Tomas",
        {"bill": 114, "wine": 36},
        {"bill": 165, "wine": 48},
        lambda bill, wine: (bill - wine) // 3,
        other={
            "es": "Marta, Andrés y Lola comparten una cuenta de {bill} euros. De ellos, {wine}"
            " son del vino, que solo bebieron Marta y Andrés y que pagan a medias; el resto se"
            " reparte por igual entre los tres. ¿Cuántos euros paga Lola?"
        },
    ),
    Task(
        "discount-then-tax",
        "A {x} costs {price} euros before tax. The shop takes {off} % off that price and then adds"
        " {tax} % tax.§ What does the customer pay, in cents?",
        "What is the final amount in cents for a {x} whose net price of {price} euros is first"
        " reduced by {off} % and then taxed at {tax} %?",
        "Last spring the same shop had a sale that ran for 12 days.",
        "x=bicycle/freezer",
        {"price": 400, "off": 15, "tax": 20},
        {"price": 650, "off": 8, "tax": 25},
        lambda price, off, tax: price * (100 - off) * (100 + tax) // 100,
    ),
    Task(
        "before-tax",
        "{A} paid {total} euros for a {x}, including {tax} % tax.§ How many euros was the tax"
        " alone?",
        "The receipt for a {x} shows {total} euros, tax of {tax} % included. Which part of the"
        " sum that {A} paid, in euros, is tax?",
        "The shop gave {A} a bag worth 2 euros for free.",
        "A=Jonas/Amina x=printer/guitar",
        {"total": 476, "tax": 19},
        {"total": 605, "tax": 21},
        lambda total, tax: total * tax // (100 + tax),
        other={
            "id": "Dewi membayar {total} euro untuk sebuah printer, sudah termasuk pajak {tax} %."
            " Berapa euro besar pajaknya saja?"
        },
    ),
    Task(
        "raise-and-cut",
        "{A} earns {pay} euros a month. The pay is raised by {up} % and, a year later, cut by"
        " {down} %.§ How many euros a month does {A} earn after that?",
        "After a rise of {up} % there came, twelve months on, a cut of {down} % of the new pay."
        " {A} had started at {pay} euros a month. What is the monthly pay in euros now?",
        "A colleague in another town earns 3100 euros and has never had a cut.",
        "A=Sofia/Kenji",
        {"pay": 2500, "up": 20, "down": 20},
        {"pay": 3000, "up": 10, "down": 30},
        lambda pay, up, down: pay * (100 + up) * (100 - down) // 10_000,
    ),
    Task(
        "exchange-and-back",
        "{A} changes {n} euros into crowns at {r} crowns a euro, spends {s} crowns, and changes the"
        " rest back at {q} crowns a euro.§ How many euros does {A} get back?",
        "Of the crowns that {A} received for {n} euros (one euro gave {r} crowns), {s} were spent."
        " The remaining crowns are exchanged again, now {q} to the euro. How many euros is that?",
        "The bank is open until half past four.",
        "A=Greta/Samuel",
        {"n": 200, "r": 24, "s": 1800, "q": 25},
        {"n": 350, "r": 22, "s": 1700, "q": 24},
        lambda n, r, s, q: (n * r - s) // q,
    ),
    Task(
        "simple-interest",
        "{A} lends {B} {n} euros at {p} % simple interest a year.§ How many euros does {B} owe"
        " after {m} months if nothing is repaid before?",
        "For a loan of {n} euros, {B} pays {A} {p} % a year, without interest on interest. What sum"
        " in euros settles everything after {m} months?",
        "They have known each other for nine years.",
        "A=Olga/Dario B=Piet/Leila",
        {"n": 4000, "p": 6, "m": 18},
        {"n": 2400, "p": 5, "m": 30},
        lambda n, p, m: n + n * p * m // 1200,
    ),
    Task(
        "recipe",
        "A recipe for {n} people needs {g} grams of flour and {e} eggs. {A} has {have} eggs and"
        " plenty of flour and wants to use all the eggs.§ How many grams of flour are needed?",
        "With {e} eggs a recipe takes {g} grams of flour and feeds {n}. {A} scales it so that all"
        " of the {have} eggs in the house are used. What weight of flour, in grams, does that"
        " take?",
        "The oven should be at 180 degrees.",
        "A=Tilda/Hassan",
        {"n": 4, "g": 360, "e": 3, "have": 7},
        {"n": 6, "g": 500, "e": 4, "have": 9},
        lambda n, g, e, have: g * have // e,
        other={
            "hi": "{n} लोगों की एक विधि में {g} ग्राम मैदा और {e} अंडे लगते हैं। सलमा के पास"
            " {have} अंडे और बहुत सारा मैदा है और वह सारे अंडे इस्तेमाल करना चाहती है। उसे"
            " कितने ग्राम मैदा चाहिए?"
        },
    ),
    Task(
        "fuel",
        "A {x} uses {c} litres per 100 km. The tank holds {t} litres and is full. After {d} km, how"
        " many litres are left?§",
        "Starting with a full tank of {t} litres, a {x} drives {d} km at a consumption of {c}"
        " litres per 100 km. What remains in the tank, in litres?",
        "The spare wheel was changed the week before.",
        "x=van/taxi",
        {"c": 8, "t": 70, "d": 650},
        {"c": 6, "t": 55, "d": 450},
        lambda c, t, d: t - c * d // 100,
        other={
            "id": "Sebuah mobil menghabiskan {c} liter bensin setiap 100 km. Tangkinya berisi"
            " penuh, yaitu {t} liter. Setelah menempuh {d} km, berapa liter bensin yang tersisa?"
        },
    ),
    Task(
        "mixture",
        "A {x} mixes {a} litres of juice with {p} % sugar and {b} litres of juice with {q} %"
        " sugar.§ How much sugar does the mixture contain, in percent?",
        "A {x} pours together {b} litres of a juice of {q} % sugar and {a} litres of one of {p} %."
        " What percentage of the result is sugar?",
        "The bottles were labelled in two languages.",
        "x=barman/grocer",
        {"a": 6, "p": 12, "b": 2, "q": 4},
        {"a": 2, "p": 20, "b": 6, "q": 8},
        lambda a, p, b, q: (a * p + b * q) // (a + b),
    ),
    Task(
        "dilute",
        "How many millilitres of water must be added to {n} ml of a {p} % {x} solution to bring it"
        " down to {q} %?§",
        "A solution of {x} has a strength of {p} % and a volume of {n} ml. What volume of water, in"
        " ml, makes it a {q} % solution?",
        "The bottle stands at 21 degrees.",
        "x=salt/vinegar",
        {"n": 300, "p": 20, "q": 15},
        {"n": 450, "p": 16, "q": 10},
        lambda n, p, q: n * p // q - n,
        other={
            "es": "¿Cuántos mililitros de agua hay que añadir a {n} ml de una solución salina al"
            " {p} % para rebajarla al {q} %?"
        },
    ),
    Task(
        "postage",
        "A parcel costs {base} cents for the first kilogram and {step} cents for every further"
        " kilogram or part of one.§ What does {A} pay for a parcel of {g} grams, in cents?",
        "{A} sends a parcel of {g} grams. Up to one kilogram the price is {base} cents; each"
        " kilogram begun beyond that adds {step} cents. How many cents is it in all?",
        "Stamps with a picture of a heron are on sale this month.",
        "A=Luca/Mei",
        {"base": 550, "step": 120, "g": 4300},
        {"base": 620, "step": 90, "g": 6050},
        lambda base, step, g: base + step * (-(-g // 1000) - 1),
    ),
    Task(
        "parking",
        "In each period of 24 hours from arrival, a car park charges {first} euros for the first"
        " hour and {more} euros for every further hour begun, but at most {cap} euros.§ What does"
        " {A} pay for {hours} hours, in euros?",
        "{A} left a car for {hours} hours. Each 24 hours counted from arrival cost at most {cap}"
        " euros; within them, the first hour is {first} euros and each one after it {more}. How"
        " many euros are due?",
        "There is a charge of 1 euro for washing the windscreen, which {A} declined.",
        "A=Anton/Priya",
        {"first": 4, "more": 2, "cap": 20, "hours": 53},
        {"first": 3, "more": 2, "cap": 24, "hours": 33},
        lambda first, more, cap, hours: _parking(first, more, cap, hours),
    ),
    Task(
        "phone-plans",
        "{A} compares two plans. Plan one costs {f} euros a month plus {p} cents a minute. Plan"
        " two costs {g} euros plus {q} cents a minute.§ From how many minutes a month on do both"
        " cost the same?",
        "At what number of minutes per month does a plan with a fee of {g} euros and {q} cents a"
        " minute cost exactly as much as one with a fee of {f} euros and {p} cents a minute, {A}"
        " wonders. Find it.",
        "The telephone itself is paid off in 24 months.",
        "A=Emil/Salma",
        {"f": 8, "p": 10, "g": 20, "q": 4},
        {"f": 5, "p": 12, "g": 26, "q": 5},
        lambda f, p, g, q: 100 * (g - f) // (p - q),
    ),
    Task(
        "sealed-auction",
        "In a sealed auction the highest bidder wins and pays the second-highest bid. {A} bids {a},"
        " {B} bids {b}, {C} bids {c} and {D} bids {d} euros.§ By how many euros does the winner's"
        " own bid exceed the price?",
        "Four sealed bids are opened: {D} {d}, {C} {c}, {B} {b}, {A} {a} euros. The winner has to"
        " pay what the runner-up offered. How many euros does the winner save against the own bid?",
        "The picture had been valued at 500 euros.",
        "A=Jo/Kwame B=Kim/Dunja C=Lou/Arne D=Max/Tuyet",
        {"a": 420, "b": 515, "c": 465, "d": 390},
        {"a": 610, "b": 585, "c": 540, "d": 633},
        lambda a, b, c, d: sorted((a, b, c, d))[3] - sorted((a, b, c, d))[2],
    ),
    Task(
        "shared-taxi",
        "{A}, {B} and {C} share a taxi. {A} gets out after {x} km, {B} after {y} km, {C} after {z}"
        " km. The fare is {r} euros a km; each stretch is split evenly among those in the car.§ How"
        " many euros does {C} pay?",
        "A taxi at {r} euros a km carries three people: one leaves at km {x} ({A}), one at km {y}"
        " ({B}), and {C} stays to the end at km {z}. On each stretch those still aboard pay equal"
        " shares. What is {C}'s part in euros?",
        "The driver tells them about her 3 children.",
        "A=Finn/Amara B=Gitte/Hugo C=Hal/Sakura",
        {"x": 6, "y": 10, "z": 15, "r": 2},
        {"x": 9, "y": 13, "z": 20, "r": 3},
        lambda x, y, z, r: int(Fraction(x * r, 3) + Fraction((y - x) * r, 2) + (z - y) * r),
    ),
    Task(
        "rising-savings",
        "{A} saves {s} euros in the first week and {k} euros more each week than in the week"
        " before.§ How many euros has {A} saved after {n} weeks?",
        "In week one {s} euros go into {A}'s box, and every later week {k} euros more than the"
        " last. What is in the box after {n} weeks, in euros?",
        "{A} would like to buy a tent for 200 euros.",
        "A=Petra/Omar",
        {"s": 5, "k": 2, "n": 15},
        {"s": 8, "k": 3, "n": 12},
        lambda s, k, n: n * (2 * s + (n - 1) * k) // 2,
        other={
            "zh": "小芳第一周存{s}元，以后每一周都比前一周多存{k}元。{n}周以后她一共存了多少元？"
        },
    ),
    Task(
        "stock",
        "A shop starts the week with {n} {x}. It sells a quarter of them on Monday, {k} on Tuesday,"
        " gets {r} delivered on Wednesday and sells half of what is there on Thursday.§ How many"
        " are left?",
        "On Thursday half of the {x} in a shop are sold. On Wednesday {r} had been delivered, on"
        " Tuesday {k} sold, and on Monday a quarter of the {n} that were there at first. How many"
        " remain after Thursday?",
        "The shop is closed on Sundays and on the first of May.",
        "x=lamps/kettles",
        {"n": 80, "k": 12, "r": 30},
        {"n": 120, "k": 26, "r": 16},
        lambda n, k, r: (n * 3 // 4 - k + r) // 2,
    ),
]
