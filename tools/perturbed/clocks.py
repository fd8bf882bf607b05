"""Tasks about motion, rates, clocks and calendars."""

from __future__ import annotations

import math
from datetime import date, timedelta

from perturbed.task import Task

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _shift(cycle: int, off: int, day: int) -> str:
    return "free" if (day - 1) % (cycle + off) >= cycle else "work"


TASKS = [
    Task(
        "meeting-trains",
        "Two {x} leave towns that are {d} km apart at {h}:00 and drive towards each other at {v}"
        " and {w} km/h.§ At what time do they meet? Give the time as HH:MM.",
        "The distance between two towns is {d} km. From each of them one of two {x} sets out at"
        " {h}:00 for the other, the first at {v} km/h and the second at {w} km/h. When do"
        " they pass each other (HH:MM)?",
        "One of them carries 84 passengers.",
        "x=trains/lorries",
        {"d": 210, "h": 13, "v": 80, "w": 60},
        {"d": 275, "h": 10, "v": 90, "w": 75},
        lambda d, h, v, w: _clock(h * 60 + 60 * d // (v + w)),
    ),
    Task(
        "catch-up",
        "{A} sets out on foot at {v} km/h. {late} minutes later {B} follows on a bicycle at"
        " {w} km/h along the same road.§ How many minutes does {B} ride before catching up?",
        "Riding at {w} km/h, {B} starts {late} minutes after {A}, who walks ahead on the same road"
        " at {v} km/h. After how many minutes of riding is {A} reached?",
        "The road passes two churches and a mill.",
        "A=Pavel/Aisha B=Nadia/Bruno",
        {"v": 5, "late": 40, "w": 15},
        {"v": 4, "late": 45, "w": 16},
        lambda v, late, w: late * v // (w - v),
        other={
            "hi": "पवन {v} किमी/घंटा की चाल से पैदल निकलता है। {late} मिनट बाद नीता उसी सड़क पर"
            " {w} किमी/घंटा की चाल से साइकिल पर उसके पीछे चलती है। नीता को उस तक पहुँचने में"
            " साइकिल पर कितने मिनट लगेंगे?"
        },
    ),
    Task(
        "two-painters",
        "{A} paints a {x} in {a} hours, {B} needs {b} hours for the same {x}.§ How many minutes do"
        " they need together?",
        "Alone, a {x} takes {A} {a} hours of painting and {B} {b} hours. If both start at once and"
        " keep their pace, after how many minutes is it done?",
        "The colour was mixed from 3 parts of blue and 1 part of white.",
        "A=Hana/Luis B=Erik/Zainab x=fence/hall",
        {"a": 6, "b": 3},
        {"a": 12, "b": 6},
        lambda a, b: 60 * a * b // (a + b),
    ),
    Task(
        "leaking-tank",
        "A pump fills an empty {x} in {a} hours. A crack would empty the full {x} in {b} hours.§"
        " With the pump running and the crack open from the start, after how many hours is it"
        " full?",
        "Through a crack a full {x} runs empty in {b} hours; the pump, without the crack, fills it"
        " in {a}. How many hours does filling take when the crack is not mended?",
        "The pump was bought second-hand for 90 euros.",
        "x=tank/pool",
        {"a": 4, "b": 12},
        {"a": 6, "b": 15},
        lambda a, b: a * b // (b - a),
    ),
    Task(
        "there-and-back",
        "{A} drives to {P} at an average of {v} km/h and back on the same road at {w} km/h.§ What"
        " is the average speed of the whole journey, in km/h?",
        "The outward drive to {P} is done at {v} km/h on average, the return over the same distance"
        " at {w} km/h. What average in km/h does that make for {A}'s round trip?",
        "On the way {A} listens to the radio for 25 minutes.",
        "A=Irene/Mateo P=Ghent/Lahore",
        {"v": 60, "w": 40},
        {"v": 90, "w": 45},
        lambda v, w: 2 * v * w // (v + w),
        other={
            "zh": "老周开车去外地，去程平均时速{v}公里，沿原路返回时平均时速{w}公里。"
            "全程的平均速度是每小时多少公里？"
        },
    ),
    Task(
        "ages",
        "{A} is {k} times as old as {B}. In {n} years {A} will be twice as old as {B} is then.§"
        " How old is {A} today?",
        "Today {B}'s age goes {k} times into {A}'s; {n} years from now it will go into it exactly"
        " twice. What is {A}'s present age?",
        "Both of them were born in the same month.",
        "A=Rosa/Farid B=Milo/Chloe",
        {"k": 4, "n": 12},
        {"k": 5, "n": 21},
        lambda k, n: k * n // (k - 2),
        other={
            "ar": "عمر سلمى اليوم يساوي {k} أمثال عمر أخيها. بعد {n} سنة سيصبح عمرها ضعف عمره"
            " حينئذ. كم عمر سلمى اليوم؟"
        },
    ),
    Task(
        "years-to-exceed",
        "A colony of {n} {x} grows by {p} % every year.§ After how many full years does it first"
        " have more than {goal} {x}?",
        "Each year there are {p} % more {x} than the year before; at the start there are {n}. How"
        " many whole years must pass until their number first exceeds {goal}?",
        "Two researchers visit it each June.",
        "x=gulls/seals",
        {"n": 1000, "p": 20, "goal": 2000},
        {"n": 500, "p": 50, "goal": 4000},
        lambda n, p, goal: math.floor(math.log(goal / n) / math.log(1 + p / 100)) + 1,
    ),
    Task(
        "escalator",
        "Walking up a moving escalator, {A} takes {a} steps and reaches the top after {s} seconds."
        " {B}, walking more slowly, takes {b} steps and needs {t} seconds.§ How many steps can be"
        " seen when the escalator stands still?",
        "An escalator carries people up while they walk. {B} is at the top after {t} seconds and"
        " {b} steps, {A} after {s} seconds and {a} steps. How many steps does the escalator have?",
        "It was built in 1987.",
        "A=Noah/Wanjiru B=Ida/Stefan",
        {"a": 30, "s": 20, "b": 20, "t": 30},
        {"a": 36, "s": 18, "b": 28, "t": 24},
        lambda a, s, b, t: a + s * (a - b) // (t - s),
    ),
    Task(
        "clock-angle",
        "What is the smaller angle, in degrees, between the hands of a {x} at {h}:{m}?§",
        "A {x} shows {h}:{m}. Find the angle between its hour hand and its minute hand, in degrees,"
        " not more than 180.",
        "It hangs in a room with 5 windows.",
        "x=station_clock/kitchen_clock",
        {"h": 4, "m": 40},
        {"h": 9, "m": 20},
        lambda h, m: min(abs(60 * h - 11 * m) // 2, 360 - abs(60 * h - 11 * m) // 2),
        other={"zh": "钟面上{h}点{m}分时，时针和分针之间较小的夹角是多少度？"},
    ),
    Task(
        "slow-clock",
        "{A}'s clock loses {k} minutes every hour. It is set right at {h}:00.§ What is the true"
        " time (HH:MM) when it shows {g}:00 on the same day?",
        "Set correctly at {h}:00, a clock of {A}'s falls behind by {k} minutes in each true hour."
        " When its hands say {g}:00 later that day, what time is it really? Answer as HH:MM.",
        "It was a present from an aunt.",
        "A=Vera/Idris",
        {"k": 12, "h": 8, "g": 16},
        {"k": 15, "h": 6, "g": 12},
        lambda k, h, g: _clock(h * 60 + (g - h) * 60 * 60 // (60 - k)),
    ),
    Task(
        "weekday-later",
        "Today is {day}. {A} has an appointment in {n} days.§ On which day of the week is it?",
        "If an appointment of {A}'s lies {n} days ahead and today is a {day}, on what weekday does"
        " it fall?",
        "The appointment was moved once already, by 10 days.",
        "A=Carla/Obi",
        {"day": "Wednesday", "n": 100},
        {"day": "Saturday", "n": 200},
        lambda day, n: DAYS.split()[(DAYS.split().index(day) + n) % 7],
        options=DAYS,
    ),
    Task(
        "days-between",
        "A library lent a {x} on {d1} March {y} and got it back on {d2} November of that year.§"
        " How many days after the lending was the {x} back?",
        "Count the days from {d1} March {y} to {d2} November {y}, the first day not included: that"
        " is how long a {x} was on loan. How many were there?",
        "The loan period is normally four weeks.",
        "x=book/map",
        {"d1": 12, "d2": 5, "y": 2023},
        {"d1": 28, "d2": 17, "y": 2026},
        lambda d1, d2, y: (date(y, 11, d2) - date(y, 3, d1)).days,
    ),
    Task(
        "leap-days",
        "How many times does the {x} calendar have a 29 February from the start of {y} to the end"
        " of {z}?§",
        "Count the leap years among the years {y} to {z}, both included, by the {x} rule.",
        "Ignore that some villages kept an older calendar.",
        "x=Gregorian/modern_Western",
        {"y": 1896, "z": 1960},
        {"y": 1790, "z": 1910},
        lambda y, z: sum(1 for v in range(y, z + 1) if v % 4 == 0 and (v % 100 or v % 400 == 0)),
    ),
    Task(
        "rota",
        "{A} works {on} days in a row and then has {off} days off, again and again. Day 1 is the"
        " first working day.§ Is day {n} one of work or a free one? Answer with 'work' or 'free'.",
        "A rota repeats itself: {on} working days, then {off} free ones, starting with work on day"
        " 1. Answer 'work' if {A} works on day {n}, otherwise 'free'.",
        "There are 14 people on the ward.",
        "A=Bea/Yusuf",
        {"on": 4, "off": 2, "n": 95},
        {"on": 5, "off": 3, "n": 101},
        lambda on, off, n: _shift(on, off, n),
        options="work free",
    ),
    Task(
        "next-bus",
        "Buses leave at {s} minutes past {h} o'clock and then every {k} minutes. {A} arrives at the"
        " stop at {g}:{m}.§ How many minutes does {A} wait for the next bus?",
        "{A} reaches the stop at {g}:{m}. The first bus of the day left {s} minutes after {h}, and"
        " since then one has left every {k} minutes. For how many minutes must {A} wait?",
        "The stop has a bench and a dented bin.",
        "A=Dora/Nikhil",
        {"s": 10, "h": 6, "k": 25, "g": 9, "m": 15},
        {"s": 20, "h": 7, "k": 35, "g": 12, "m": 50},
        lambda s, h, k, g, m: -((g - h) * 60 + m - s) % k,
    ),
    Task(
        "time-zones",
        "{A} takes off at {h}:{m} local time and lands {f} hours and {k} minutes later in a city"
        " whose clocks are {z} hours behind.§ What is the local time on landing (HH:MM)?",
        "The flight lasts {f} hours {k} minutes and starts at {h}:{m}. At the destination it is {z}"
        " hours earlier than where {A} came from. What do the clocks there show on arrival? Write"
        " HH:MM.",
        "There was a film of 110 minutes on board.",
        "A=Ursula/Tariq",
        {"h": 10, "m": 25, "f": 8, "k": 50, "z": 6},
        {"h": 13, "m": 35, "f": 11, "k": 40, "z": 9},
        lambda h, m, f, k, z: _clock(h * 60 + m + f * 60 + k - z * 60),
    ),
    Task(
        "laps",
        "{A} runs a lap in {a} seconds and {B} in {b} seconds. They start together.§ After how many"
        " seconds are they next at the starting line together?",
        "Two runners set off from the line at the same moment; a lap takes {B} {b} seconds and {A}"
        " {a}. How many seconds later do both cross the line at the same time for the first time?",
        "The track is 400 metres long.",
        "A=Ewa/Jamal B=Sven/Lucia",
        {"a": 84, "b": 96},
        {"a": 75, "b": 90},
        lambda a, b: a * b // math.gcd(a, b),
        other={
            "ar": "يركض سامي الدورة الواحدة حول الملعب في {a} ثانية، وتركضها هدى في {b} ثانية."
            " انطلقا معًا من خط البداية. بعد كم ثانية يلتقيان عند خط البداية أول مرة؟"
        },
    ),
    Task(
        "deadline",
        "A letter is sent to {A} on {d} April {y}. The answer is due {n} days later; if that day"
        " is a Saturday or Sunday, it is due on the following Monday.§ On which day of May is it"
        " due?",
        "{A} must answer a letter of {d} April {y} within {n} days, the day of sending not counted;"
        " a deadline on a weekend moves to the Monday after. Give the day of the month in May.",
        "The letter has 3 enclosures.",
        "A=Theo/Nadine",
        {"d": 16, "y": 2024, "n": 25},
        {"d": 20, "y": 2025, "n": 21},
        lambda d, y, n: _workday(date(y, 4, d) + timedelta(n)).day,
    ),
]


def _workday(day: date) -> date:
    return day + timedelta((7 - day.weekday()) % 7 if day.weekday() > 4 else 0)
