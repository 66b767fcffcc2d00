"""The library of procedural actions: what people do with their bodies and data sets lack.

Each action has a name of `sentences.tsv` and a way of drawing one performance of it. Angles are by
eye; chance varies them, and cameras do the rest.
"""

from __future__ import annotations

from typing import Any

from motions import (
    STAND,
    Motion,
    Pose,
    Poses,
    busy,
    hold,
    loop,
    mirror,
    moving,
    once,
    one_after_another,
    one_of,
    pose,
)
from numpy.random import Generator

# Poses that actions share.
GUARD = pose(
    thighs=((14, 8), (-14, 8)), shins=((-4, 6), (-28, 6)), arms=(20, 12), forearms=(135, -8)
)
SIT = pose(thighs=(86, 8), shins=(-2, 4), arms=(15, 10), forearms=(60, -5))
SLUMP = pose(SIT, lean=18, arms=(25, 8), forearms=(70, -10))
FLOOR_SIT = pose(thighs=(88, 10), shins=(80, 6), lean=-12, arms=(-30, 15), forearms=(-15, 10))
CROSS_LEGGED = pose(thighs=(82, 45), shins=(20, -70), arms=(20, 15), forearms=(50, 0), lean=4)
SQUAT = pose(thighs=(95, 18), shins=(-38, 2), arms=(95, 6), forearms=(100, 0), lean=35)
CROUCH = pose(thighs=(115, 12), shins=(-50, 4), arms=(60, 10), forearms=(70, -5), lean=50)
KNEEL = pose(thighs=(4, 6), shins=(-88, 4), arms=(10, 10), forearms=(25, 5), lean=5)
ALL_FOURS = pose(thighs=(5, 6), shins=(-88, 4), lean=82, arms=(85, 6), forearms=(88, 2))
SUPINE = pose(thighs=(90, 8), shins=(88, 6), lean=-90, arms=(0, 30), forearms=(5, 30))
SUPINE_UP = pose(SUPINE, arms=(0, 120), forearms=(20, 140))
PRONE = pose(thighs=(-89, 8), shins=(-88, 6), lean=89, arms=(150, 40), forearms=(170, -20))
PRONE_ARMS_DOWN = pose(PRONE, arms=(0, 20), forearms=(8, 20))
SIDE = pose(roll=86, thighs=(35, 4), shins=(-20, 4), arms=(60, 10), forearms=(90, 0), lean=10)
SIDE_STRAIGHT = pose(roll=87, thighs=(5, 6), shins=(-5, 4), arms=(40, 30), forearms=(60, 20))
KNEES_UP = pose(thighs=(140, 8), shins=(35, 4), lean=-88, arms=(150, 30), forearms=(160, -60))
PLANK = pose(thighs=(-74, 5), shins=(-72, 4), lean=73, arms=(76, 12), forearms=(76, 2))
PLANK_LOW = pose(thighs=(-84, 5), shins=(-83, 4), lean=85, arms=(10, 45), forearms=(85, 5))
PIKE = pose(thighs=(-25, 5), shins=(-22, 4), lean=125, arms=(165, 8), forearms=(168, 4))
BENT = pose(thighs=(-12, 5), shins=(-8, 3), lean=95, arms=(95, 6), forearms=(98, 2))
HALF_BENT = pose(thighs=(-6, 5), shins=(-6, 3), lean=50, arms=(50, 6), forearms=(60, 2))
STAR = pose(thighs=(0, 26), shins=(0, 26), arms=(0, 155), forearms=(0, 168))
ARMS_UP = pose(arms=(170, 8), forearms=(174, 4))
ARMS_OUT = pose(arms=(0, 88), forearms=(5, 88))
ARMS_FORWARD = pose(arms=(88, 5), forearms=(90, 2))
GIVING_WAY = pose(thighs=(50, 8), shins=(-50, 4), lean=20, arms=(25, 25), forearms=(50, 20))
FLAILING = pose(lean=10, arms=(60, 70), forearms=(90, 60), thighs=((25, 8), (-15, 8)))
WORK = pose(arms=(28, 12), forearms=(85, -15), lean=12)
"""Standing at a table with both hands on it."""
DESK = pose(SIT, arms=(32, 10), forearms=(86, -14), lean=8)
EAT_DOWN = pose(SIT, arms=((20, 10), (25, 15)), forearms=((80, -15), (75, -20)), lean=14)
EAT_UP = pose(SIT, arms=((20, 10), (40, 30)), forearms=((80, -15), (150, -30)), lean=10)
READ = pose(SIT, arms=(30, 8), forearms=(115, -18), lean=6)
PULL_LOW = pose(arms=(178, 16), forearms=(178, 4), thighs=(8, 4), shins=(-25, 2), hang=1)
PULL_HIGH = pose(PULL_LOW, arms=(60, 55), forearms=(170, -12))
STRIDE = pose(
    thighs=((26, 4), (-22, 4)),
    shins=((14, 2), (-42, 2)),
    arms=((-22, 8), (22, 8)),
    forearms=((-2, 6), (45, 2)),
    lean=3,
)
PASS = pose(thighs=((2, 4), (20, 4)), shins=((-4, 2), (-50, 2)), lean=3, arms=(0, 8))
RUN = pose(
    thighs=((50, 4), (-28, 4)),
    shins=((5, 2), (-95, 2)),
    arms=((-45, 12), (40, 8)),
    forearms=((40, 0), (125, -10)),
    lean=10,
)
RUN_PASS = pose(
    thighs=((5, 4), (35, 4)),
    shins=((-20, 2), (-100, 2)),
    arms=(0, 12),
    forearms=(85, 0),
    lean=10,
    hop=0.06,
)
LUNGE = pose(thighs=((75, 5), (-15, 5)), shins=((-8, 3), (-80, 3)), lean=5)
CYCLE = pose(
    thighs=((100, 6), (50, 6)), shins=((0, 2), (-20, 2)), lean=42, arms=(80, 10), forearms=(85, 2)
)
RIDE = pose(thighs=(60, 28), shins=(-12, 5), lean=4, arms=(25, 10), forearms=(78, -10))


def _walk(speed: tuple[float, float] = (0.8, 1.5), **rates: float) -> Motion:
    stride, passing = STRIDE, PASS
    circle = loop(stride, passing, mirror(stride), mirror(passing), period=(0.95, 1.3))
    return moving(circle, forward=speed, **rates)


def _run(speed: tuple[float, float], period: tuple[float, float] = (0.62, 0.8)) -> Motion:
    return moving(loop(RUN, RUN_PASS, mirror(RUN), mirror(RUN_PASS), period=period), forward=speed)


def _short(motion: Motion, longest: float = 1.5) -> Motion:
    """Cut off the beginning, so that half a second to some seconds are left."""

    def shortened(rng: Generator) -> Poses:
        poses = motion(rng)
        return poses[-round(rng.uniform(0.5, longest) * 15) :]

    return shortened


def _at_random_angle(motion: Motion) -> Motion:
    """Turn the body to either side after it has begun: nobody falls along an axis."""

    def turned(rng: Generator) -> Poses:
        poses = motion(rng)
        share = (abs(poses[:, 19]) + abs(poses[:, 20]) + abs(poses[:, 16])) / 90
        poses[:, 21] += rng.normal(0, 30) * share.clip(0, 1)
        return poses

    return turned


def _falls() -> list[Motion]:
    """Lose balance forward, backward, to the side or collapse; quickly, and stay down."""
    ends_back = (
        SUPINE,
        SUPINE_UP,
        KNEES_UP,
        pose(SUPINE, arms=(0, 80), thighs=(110, 15), shins=(50, 5)),
    )
    ends_front = (PRONE, PRONE_ARMS_DOWN, pose(PRONE, thighs=((-88, 8), (-60, 30))))
    ends_side = (SIDE, SIDE_STRAIGHT, pose(SIDE, arms=(120, 20)))
    backward = pose(
        pitch=-35, arms=(50, 60), forearms=(80, 50), thighs=((30, 8), (10, 8)), shins=(-10, 4)
    )
    forward = pose(
        pitch=35, arms=(80, 20), forearms=(100, 10), thighs=((20, 8), (-10, 8)), shins=(-30, 4)
    )
    side = pose(roll=35, arms=(20, 70), forearms=(40, 60), bend=-15, thighs=((5, 20), (10, 4)))
    on_seat = pose(thighs=(105, 10), shins=(45, 5), lean=-20, arms=(-35, 20), forearms=(-20, 15))
    on_knees = pose(KNEEL, lean=25, arms=(60, 15), forearms=(70, 8))
    on_hands = pose(ALL_FOURS, lean=70)
    side_seat = pose(roll=35, thighs=(95, 10), shins=(20, 5), arms=(10, 50), forearms=(30, 40))
    falls = []
    for end in ends_back:
        falls += [
            once((STAND, 0.6), (backward, 0.3), (on_seat, 0.3), (end, 0.3), rest=1.2, sharp=True),
            once((STAND, 0.5), (pose(pitch=-30), 0.5), (pose(end), 0.35), rest=1.2, sharp=True),
            once((STAND, 0.4), (GIVING_WAY, 0.35), (on_seat, 0.35), (end, 0.4), rest=1.0),
            once((SIT, 0.7), (pose(SIT, lean=-25, arms=(60, 40)), 0.4), (end, 0.35), rest=1.2),
        ]
    for end in ends_front:
        falls += [
            once((STAND, 0.6), (forward, 0.4), (on_hands, 0.25), (end, 0.3), rest=1.2, sharp=True),
            once((STAND, 0.5), (forward, 0.5), (end, 0.35), rest=1.2, sharp=True),
            once((STAND, 0.4), (GIVING_WAY, 0.4), (on_knees, 0.3), (end, 0.4), rest=1.0),
            once((SIT, 0.7), (pose(SIT, lean=60, arms=(60, 20)), 0.5), (end, 0.4), rest=1.2),
            once((STAND, 0.4), (on_knees, 0.4), (on_hands, 0.3), (end, 0.35), rest=1.0),
        ]
    for end in ends_side:
        falls += [
            once((STAND, 0.6), (side, 0.4), (end, 0.4), rest=1.2, sharp=True),
            once((STAND, 0.5), (pose(side, roll=25), 0.35), (side_seat, 0.3), (end, 0.3), rest=1.2),
            once((STAND, 0.4), (GIVING_WAY, 0.35), (side_seat, 0.35), (end, 0.4), rest=1.0),
            once((SIT, 0.8), (pose(SIT, roll=25, arms=(40, 50)), 0.4), (end, 0.35), rest=1.2),
            once(
                (pose(SIDE, hop=0.45), 0.7),
                (pose(SIDE, roll=150, hop=0.35), 0.4),
                (pose(SIDE, roll=170), 0.25),
                rest=1.0,
            ),
        ]
    walking = _short(_walk())
    trips = [
        once((FLAILING, 0.15), (forward, 0.3), (on_hands, 0.25), (end, 0.3), rest=1.0)
        for end in ends_front
    ] + [
        once(
            (pose(pitch=-20, thighs=((50, 8), (10, 8)), arms=(70, 70)), 0.2),
            (on_seat, 0.3),
            (end, 0.3),
            rest=1.0,
        )
        for end in (*ends_back, SIDE)
    ]
    falls += [one_after_another(walking, trip) for trip in trips]
    falls += [one_after_another(_short(_run((2, 4)), 1.0), trip) for trip in trips[:3]]
    return [_at_random_angle(fall) for fall in falls]


def _curl(**angles: float) -> Motion:
    down = pose(arms=(0, 10), forearms=(5, 6), **angles)
    up = pose(arms=(8, 10), forearms=(150, 2), **angles)
    left = pose(arms=(4, 10), forearms=((150, 2), (5, 6)), **angles)
    return one_of(loop(down, up, period=(1.5, 3)), loop(left, mirror(left), period=(2, 4)))


def _strum(hand: float = 12) -> Motion:
    held = {"arms": ((25, 40), (-5, 25)), "forearms": ((95, 20), (75, -50))}
    low = {"arms": ((25, 40), (0, 25)), "forearms": ((95, 20), (60, -45))}
    bases = [pose(SIT, lean=8), pose(lean=4), pose(CROSS_LEGGED, lean=6)]
    return one_of(*(loop(pose(b, **held), pose(b, **low), period=(0.3, 0.9)) for b in bases))


def _drum() -> Motion:
    up = pose(SIT, arms=((25, 25), (25, 25)), forearms=((110, -5), (70, -15)))
    wide = pose(SIT, arms=((30, 50), (25, 25)), forearms=((95, 30), (110, -10)))
    return one_of(
        loop(up, mirror(up), period=(0.3, 0.7)), loop(up, wide, mirror(up), period=(0.5, 1.1))
    )


def _swim() -> Motion:
    left = pose(
        PRONE, arms=((175, 8), (10, 10)), forearms=((176, 4), (20, 5)), thighs=((-95, 4), (-82, 4))
    )
    half = pose(PRONE, arms=((90, 8), (-80, 20)), forearms=((90, 4), (-40, 20)))
    return moving(
        loop(left, half, mirror(left), mirror(half), period=(1.2, 2.2)), forward=(0.8, 1.5)
    )


def _hands_up_and_down() -> Motion:
    up = pose(arms=(150, 20), forearms=(165, 5))
    return loop(up, pose(arms=(120, 30), forearms=(130, 10), hop=0.05), period=(0.4, 1.0))


def _burpee(push_up: bool) -> Motion:
    down = (PLANK, 0.35), *((((PLANK_LOW, 0.35), (PLANK, 0.35))) if push_up else ())
    tail = (CROUCH, 0.35), (pose(ARMS_UP, hop=0.25), 0.3), (STAND, 0.25)
    floor = pose(CROUCH, lean=75, arms=(85, 8), forearms=(88, 2))
    again = ((floor, 0.4), *down, *tail)
    return _cut(once((STAND, 0.2), *again, *again, rest=0.1), 4.0)


def _cut(motion: Motion, seconds: float) -> Motion:
    def part(rng: Generator) -> Poses:
        poses = motion(rng)
        length = round(seconds * 15)
        start = rng.integers(max(len(poses) - length, 0) + 1)
        return poses[start : start + length]

    return part


def _dance() -> Motion:
    def improvise(rng: Generator) -> Poses:
        beat = rng.uniform(0.8, 1.6)
        stations = []
        for _ in range(4):
            stations.append(
                pose(
                    thighs=tuple((rng.uniform(-10, 35), rng.uniform(2, 22)) for _ in "lr"),
                    shins=tuple((rng.uniform(-50, 0), rng.uniform(0, 15)) for _ in "lr"),
                    arms=tuple((rng.uniform(-20, 120), rng.uniform(5, 110)) for _ in "lr"),
                    forearms=tuple((rng.uniform(20, 170), rng.uniform(-40, 90)) for _ in "lr"),
                    lean=rng.uniform(-8, 18),
                    bend=rng.uniform(-15, 15),
                    twist=rng.uniform(-30, 30),
                    turn=rng.uniform(-25, 25),
                    x=rng.uniform(-0.2, 0.2),
                    hop=rng.uniform(0, 0.06),
                )
            )
        return loop(*stations, period=(2 * beat, 2.4 * beat))(rng)

    spin = moving(
        loop(pose(ARMS_OUT), pose(ARMS_UP, thighs=((0, 4), (25, 10))), period=(1, 2)), turn=200
    )
    return one_of(improvise, improvise, improvise, spin)


def _moonwalk() -> Motion:
    slide = pose(
        thighs=((18, 4), (-12, 4)), shins=((12, 2), (-45, 2)), lean=6, arms=((-10, 8), (12, 8))
    )
    flat = pose(thighs=((-5, 4), (12, 4)), shins=((-8, 2), (-30, 2)), lean=6)
    return moving(
        loop(slide, flat, mirror(slide), mirror(flat), period=(1, 1.8)), forward=(-0.8, -0.4)
    )


def _hug() -> Motion:
    open_arms = pose(arms=(65, 40), forearms=(80, 25), lean=5)
    hug = pose(arms=(75, 25), forearms=(95, -55), lean=12)
    tight = pose(arms=(70, 30), forearms=(110, -65), lean=8, bend=6)
    arrive = once((open_arms, 0.3), (hug, 0.6), (tight, 0.6), rest=1.0)
    return one_of(
        arrive, one_after_another(_short(_walk((0.5, 1.2)), 1.0), arrive), busy(hug, tight, hands=6)
    )


def _box() -> Motion:
    jab = pose(GUARD, arms=((88, 4), (20, 12)), forearms=((92, -4), (140, -8)), twist=-12)
    cross = pose(GUARD, arms=((20, 12), (88, 4)), forearms=((140, -8), (92, -6)), twist=22)
    hook = pose(GUARD, arms=((70, 55), (20, 12)), forearms=((90, -60), (140, -8)), twist=-25)
    bob = pose(GUARD, lean=22, bend=14)
    return one_of(
        loop(GUARD, jab, GUARD, cross, period=(0.7, 1.5)),
        loop(GUARD, jab, period=(0.5, 1.0)),
        loop(GUARD, jab, cross, hook, GUARD, bob, period=(1.4, 2.6)),
    )


def _yoga() -> Motion:
    warrior = pose(
        thighs=((70, 20), (-40, 25)), shins=((-5, 10), (-45, 10)), arms=(0, 90), forearms=(0, 90)
    )
    tree = pose(ARMS_UP, thighs=((0, 3), (50, 55)), shins=((0, 2), (-80, -60)))
    triangle = pose(thighs=(0, 35), shins=(0, 35), bend=70, arms=(0, 88), forearms=(0, 88))
    cobra = pose(PRONE, lean=35, arms=(40, 15), forearms=(50, 5))
    child = pose(thighs=(75, 10), shins=(-100, 5), lean=105, arms=(170, 8), forearms=(172, 4))
    bridge = pose(thighs=(65, 8), shins=(0, 5), lean=-115, arms=(-25, 12), forearms=(-25, 10))
    lotus = pose(CROSS_LEGGED, arms=(25, 30), forearms=(60, 30))
    crescent = pose(LUNGE, arms=(172, 8), forearms=(175, 4))
    shapes = (warrior, tree, triangle, PIKE, cobra, child, bridge, lotus, crescent, PLANK)
    still = hold(*shapes, sway=3)

    def flow(rng: Generator) -> Poses:
        chosen = [shapes[i] for i in rng.integers(len(shapes), size=2)]
        return once((chosen[0], 1.2), (chosen[1], 1.6), rest=1.0)(rng)

    return one_of(still, still, flow)


def _tai_chi() -> Motion:
    low = pose(
        thighs=((40, 15), (20, 20)), shins=((-25, 5), (-30, 8)), arms=(50, 20), forearms=(85, -10)
    )
    push = pose(low, arms=((75, 15), (40, 30)), forearms=((90, 5), (70, 20)), turn=15)
    part = pose(low, arms=((100, 40), (20, 40)), forearms=((120, 20), (30, 40)), turn=-20)
    return loop(low, push, mirror(part), part, period=(5, 8))


def _throw_down() -> Motion:
    return one_of(
        once((STAND, 0.3), (HALF_BENT, 0.5), (BENT, 0.4), (HALF_BENT, 0.5), (STAND, 0.5)),
        once(
            (STAND, 0.3), (CROUCH, 0.8), (pose(CROUCH, lean=65), 0.3), (CROUCH, 0.3), (STAND, 0.8)
        ),
        once(
            (pose(SIT), 0.5), (pose(SIT, lean=80, arms=(80, 10), forearms=(85, 0)), 0.7), (SIT, 0.8)
        ),
    )


def _gesture() -> Motion:
    talk = [
        pose(arms=(15, 15), forearms=(85, 10)),
        pose(arms=(20, 20), forearms=((110, 10), (30, 8))),
    ]
    return busy(*talk, hands=22, rate=1.0)


def _stretch() -> Motion:
    side_bend = pose(
        arms=((0, 170), (0, 15)),
        forearms=((0, 195), (40, -30)),
        bend=-28,
        thighs=(0, 18),
        shins=(0, 18),
    )
    reach = pose(ARMS_UP, thighs=(0, 14), shins=(0, 14))
    across = pose(arms=((85, -35), (60, 20)), forearms=((88, -60), (140, -20)))
    quad = pose(thighs=((0, 3), (-10, 5)), shins=((0, 2), (-140, 5)), arms=((20, 40), (-40, 15)))
    toes = pose(BENT, thighs=(-10, 16), shins=(-8, 16))
    wide = pose(thighs=(0, 32), shins=(0, 32), lean=60, arms=(70, 15), forearms=(80, 5))
    twist = pose(ARMS_OUT, twist=45, thighs=(0, 15), shins=(0, 15))
    sit_reach = pose(FLOOR_SIT, lean=50, arms=(75, 8), forearms=(80, 2))
    lunge = pose(
        thighs=((60, 30), (-20, 35)), shins=((-20, 5), (-20, 35)), arms=(40, 15), forearms=(90, -20)
    )
    shapes = (side_bend, reach, across, quad, toes, wide, twist, sit_reach, lunge)
    return one_of(
        hold(*shapes, sway=3),
        loop(side_bend, mirror(side_bend), period=(2, 5)),
        loop(twist, mirror(twist), period=(1.5, 3.5)),
        loop(reach, toes, period=(3, 6)),
        loop(lunge, mirror(lunge), period=(3, 6)),
        loop(STAND, sit_reach, period=(4, 7)),
        once((STAND, 0.4), (shapes[0], 0.8), rest=2),
        once((STAND, 0.4), (toes, 0.8), rest=2),
    )


def _one_hand(
    arm: tuple[float, float], forearm: tuple[float, float], base: Pose = STAND, **more: float
) -> Pose:
    """Move the right arm only."""
    rest_arm, rest_forearm = tuple(base[8:10]), tuple(base[12:14])
    return pose(base, arms=(rest_arm, arm), forearms=(rest_forearm, forearm), **more)


def _tool(high: tuple, low: tuple, period: tuple[float, float], bases: tuple = (WORK,)) -> Motion:
    return one_of(
        *(
            loop(_one_hand(high[0], high[1], base), _one_hand(low[0], low[1], base), period=period)
            for base in bases
        )
    )


def _two_handed(high: dict, low: dict, period: tuple[float, float], *bases: Pose) -> Motion:
    return one_of(
        *(loop(pose(b, **high), pose(b, **low), period=period) for b in bases or (STAND,))
    )


def _swing(back: dict, through: dict, seconds: float = 0.35, **base: Any) -> Motion:  # noqa: ANN401
    start, end = pose(**(base | back)), pose(**(base | through))
    return once((pose(**base), 0.5), (start, 0.7), (end, seconds), rest=0.8)


def library() -> dict[str, Motion]:
    """Give every action its motion."""
    near_legs: dict[str, Any] = {"thighs": (0, 14), "shins": (0, 12)}
    sports: dict[str, Any] = {"thighs": (18, 14), "shins": (-18, 8), "lean": 14}
    wave_in = _one_hand((10, 60), (165, -10))
    wave_out = _one_hand((10, 70), (170, 45))
    high_in, high_out = _one_hand((0, 155), (175, -10)), _one_hand((0, 160), (170, 40))
    both_in, both_out = (
        pose(arms=(0, 130), forearms=(0, 205)),
        pose(arms=(0, 120), forearms=(0, 145)),
    )
    elbows_in = pose(arms=(10, 75), forearms=(170, -15))
    elbows_out = pose(arms=(10, 80), forearms=(170, 40))
    lying = (SUPINE, SUPINE_UP, PRONE, SIDE, KNEES_UP)
    supine_knees = pose(
        thighs=(125, 8), shins=(25, 5), lean=-88, arms=(150, 30), forearms=(160, -70)
    )
    sat_up = pose(thighs=(125, 8), shins=(25, 5), lean=5, arms=(140, 30), forearms=(160, -70))
    sat_reach = pose(sat_up, lean=15, arms=(80, 8), forearms=(85, 2))
    supine_reach = pose(supine_knees, arms=(40, 8), forearms=(45, 4))
    crawl = pose(
        ALL_FOURS,
        thighs=((30, 6), (-20, 6)),
        arms=((70, 6), (110, 6)),
        forearms=((75, 2), (105, 2)),
    )
    knee = pose(
        thighs=((88, 5), (0, 4)),
        shins=((-5, 2), (0, 2)),
        arms=((-20, 8), (40, 8)),
        forearms=((40, 0), (110, 0)),
        hop=0.02,
    )
    climber = pose(PLANK, thighs=((60, 8), (-74, 5)), shins=((-60, 4), (-72, 4)))
    bar_up = pose(arms=(170, 20), forearms=(176, 8))
    shoulders_bar = pose(arms=(30, 20), forearms=(160, -4))
    bar_low = pose(thighs=(60, 12), shins=(-30, 4), lean=62, arms=(62, 8), forearms=(62, 2))
    bar_hang = pose(arms=(2, 10), forearms=(4, 6))
    golf_back = {
        "arms": ((100, -30), (110, 45)),
        "forearms": ((130, -30), (160, 20)),
        "twist": -45,
        "lean": 28,
    }
    golf_low = {"arms": (35, -5), "forearms": (38, -8), "lean": 35, "twist": 5}
    golf_end = {
        "arms": ((120, 40), (110, -30)),
        "forearms": ((170, 20), (140, -30)),
        "twist": 70,
        "lean": 10,
    }
    bat_back = {"arms": ((70, -30), (60, 45)), "forearms": ((120, -40), (150, -20)), "twist": -35}
    bat_end = {"arms": ((90, 50), (90, -20)), "forearms": ((120, 50), (110, 10)), "twist": 60}
    forehand_back = {"arms": ((60, 30), (10, 75)), "forearms": ((85, 0), (50, 85)), "twist": -40}
    forehand_end = {"arms": ((30, 30), (80, -25)), "forearms": ((80, 0), (150, -50)), "twist": 40}
    serve_back = {"arms": ((150, 15), (-10, 90)), "forearms": ((165, 5), (120, 30)), "lean": -10}
    serve_end = {
        "arms": ((30, 10), (60, -20)),
        "forearms": ((60, 0), (50, -30)),
        "lean": 30,
        "hop": 0.05,
    }
    smash_up = {"arms": ((130, 20), (150, 40)), "forearms": ((140, 10), (230, 10)), "lean": -6}
    pitch_back = {
        "thighs": ((95, 5), (0, 4)),
        "shins": ((10, 2), (0, 2)),
        "arms": ((60, 10), (60, 10)),
        "forearms": ((130, -20), (130, -20)),
    }
    pitch_wide = {
        "thighs": ((50, 10), (-30, 10)),
        "shins": ((30, 4), (-30, 4)),
        "arms": ((0, 85), (-20, 100)),
        "forearms": ((10, 85), (100, 60)),
    }
    pitch_end = {
        "thighs": ((60, 5), (-40, 5)),
        "shins": ((-10, 4), (-60, 4)),
        "lean": 50,
        "arms": ((20, 30), (60, -10)),
        "forearms": ((60, 10), (40, -20)),
    }
    bowl_back = {
        "arms": ((30, 30), (-70, 10)),
        "forearms": ((60, 10), (-65, 8)),
        "lean": 30,
        "thighs": ((40, 5), (0, 5)),
        "shins": ((-15, 3), (-25, 3)),
    }
    bowl_end = {
        "arms": ((10, 40), (110, 5)),
        "forearms": ((30, 30), (120, 2)),
        "lean": 40,
        "thighs": ((70, 5), (-20, 10)),
        "shins": ((-15, 3), (-75, 3)),
    }
    kick_back = pose(
        thighs=((10, 5), (-40, 5)), shins=((5, 2), (-100, 3)), arms=((50, 40), (-20, 30)), lean=5
    )
    kick_out = pose(
        thighs=((-5, 5), (60, 3)), shins=((-8, 3), (62, 3)), arms=((-20, 40), (40, 30)), lean=-10
    )
    dribble_high = pose(
        lean=18,
        thighs=(20, 8),
        shins=(-20, 4),
        arms=((20, 20), (30, 18)),
        forearms=((50, 0), (90, 5)),
    )
    dribble_low = pose(dribble_high, forearms=((50, 0), (60, 5)), arms=((20, 20), (35, 15)))
    shot_low = pose(thighs=(40, 6), shins=(-40, 4), lean=18, arms=(60, 15), forearms=(120, -15))
    shot_set = pose(arms=(100, 18), forearms=(175, -12))
    shot_high = pose(arms=((120, 15), (155, 8)), forearms=((150, 0), (160, 4)), hop=0.2)
    bow_draw = pose(turn=60, arms=((0, 90), (-10, 85)), forearms=((0, 92), (40, -85)), twist=0)
    bow_start = pose(turn=60, arms=((0, 88), (30, 60)), forearms=((0, 90), (60, 60)))
    rifle = pose(arms=((80, 5), (55, 40)), forearms=((95, -5), (110, -50)), lean=4, turn=25)
    pistol = pose(arms=(85, -3), forearms=(88, -8))
    violin = pose(arms=((55, 45), (40, 45)), forearms=((120, -10), (75, -45)), lean=0)
    violin_out = pose(violin, arms=((55, 45), (40, 65)), forearms=((120, -10), (70, 10)))
    cello = pose(
        SIT, thighs=(85, 28), arms=((40, 40), (35, 35)), forearms=((130, -20), (60, -40)), lean=4
    )
    cello_out = pose(cello, arms=((40, 40), (35, 60)), forearms=((130, -20), (45, 15)))
    bass = pose(arms=((70, 50), (30, 25)), forearms=((130, -10), (60, -45)), lean=8)
    bass_out = pose(bass, arms=((65, 50), (25, 25)), forearms=((120, -10), (50, -30)))
    harp = pose(SIT, arms=(60, 15), forearms=(85, -15))
    trumpet = pose(arms=(50, 22), forearms=(105, -30))
    flute = pose(arms=((60, -10), (60, 45)), forearms=((110, -60), (110, -50)))
    squeeze_in = pose(SIT, arms=(10, 15), forearms=(95, -15))
    squeeze_out = pose(SIT, arms=(15, 40), forearms=(90, 15))
    mallet = pose(arms=((30, 12), (30, 12)), forearms=((95, -10), (70, -12)), lean=16)
    sing = pose(arms=((10, 12), (30, 15)), forearms=((20, 8), (150, -22)))
    brush_in = _one_hand((45, 40), (145, -60))
    brush_out = _one_hand((40, 50), (140, -35))
    phone = _one_hand((20, 25), (160, -18))
    drink_low = _one_hand((25, 10), (90, -10))
    drink_high = _one_hand((55, 25), (160, -25), lean=-5)
    climb = pose(
        thighs=((80, 25), (10, 10)),
        shins=((-20, 10), (-10, 5)),
        arms=((150, 25), (100, 30)),
        forearms=((170, 5), (140, 10)),
    )
    row_front = pose(SIT, lean=35, arms=(70, 10), forearms=(72, 5), thighs=(115, 8), shins=(10, 4))
    row_back = pose(SIT, lean=-20, arms=(-20, 20), forearms=(80, 0), thighs=(88, 8), shins=(70, 4))
    paddle = pose(
        SIT,
        thighs=(85, 10),
        shins=(60, 5),
        arms=((80, 10), (60, 40)),
        forearms=((70, -20), (120, 0)),
        twist=25,
        lean=12,
    )
    skate = pose(
        thighs=((45, 10), (-15, 30)),
        shins=((-40, 5), (-40, 25)),
        lean=38,
        arms=((50, 20), (-50, 20)),
        forearms=((80, -10), (-40, 15)),
    )
    board = pose(
        turn=80, thighs=(45, 28), shins=(-35, 5), lean=18, arms=(15, 55), forearms=(20, 60)
    )
    board_up = pose(board, thighs=(20, 24), shins=(-15, 8), lean=8, arms=(10, 75), bend=12)
    ski = pose(thighs=(45, 8), shins=(-40, 4), lean=38, arms=(45, 25), forearms=(85, 5))
    gallop = pose(RIDE, hop=0.08, lean=14)
    cartwheel = [
        pose(
            arms=(0, 172),
            forearms=(0, 174),
            thighs=(0, 38),
            shins=(0, 38),
            roll=angle,
            x=-angle / 200,
        )
        for angle in (0, 90, 180, 270, 360)
    ]
    handstand = pose(arms=(178, 8), forearms=(178, 4), roll=180, thighs=(0, 5))
    flip = [
        pose(
            pitch=a,
            thighs=(100, 8),
            shins=(-20, 4),
            lean=40,
            arms=(60, 10),
            forearms=(80, 0),
            hop=h,
        )
        for a, h in ((-60, 0.5), (-180, 0.7), (-300, 0.5))
    ]
    rolled = [
        pose(
            pitch=a,
            thighs=(110, 8),
            shins=(-30, 4),
            lean=60,
            arms=(80, 10),
            forearms=(90, 0),
            z=a / 200,
        )
        for a in (0, 90, 180, 270, 360)
    ]
    dive = pose(arms=(172, 4), forearms=(175, 2), pitch=100, hop=0.6, z=0.8)
    keeper = pose(roll=75, arms=(170, 8), forearms=(172, 4), x=-1.2, hop=0.5)
    inch = (STAND, BENT, PIKE, PLANK, PIKE, BENT)
    lead = pose(arms=((5, 8), (45, 12)), forearms=((8, 6), (60, 8)))
    walking_dog = loop(
        pose(STRIDE, arms=((-22, 8), (40, 12)), forearms=((0, 6), (55, 8))),
        PASS,
        pose(mirror(STRIDE), arms=((22, 8), (40, 12)), forearms=((40, 2), (55, 8))),
        mirror(PASS),
        period=(0.95, 1.3),
    )
    cough = pose(lean=22, arms=((5, 10), (50, 25)), forearms=((10, 8), (150, -40)))
    baby = pose(thighs=(125, 30), shins=(20, -20), lean=-88, arms=(40, 60), forearms=(90, 20))
    baby_kick = pose(
        baby, thighs=((100, 30), (135, 30)), shins=((70, 0), (10, -20)), arms=((70, 50), (30, 80))
    )
    shake = _one_hand((35, 8), (65, -8))
    actions: dict[str, Motion] = {
        "fall down": one_of(*_falls()),
        "lie down": one_of(
            once((STAND, 0.3), (CROUCH, 1.0), (FLOOR_SIT, 0.9), (SUPINE, 1.2), rest=0.6),
            once(
                (pose(SIT, hop=0.1), 0.4),
                (pose(SIT, lean=-40, thighs=(90, 8), shins=(60, 5)), 1.2),
                (SUPINE, 1.0),
                rest=0.6,
            ),
            once((STAND, 0.3), (KNEEL, 1.0), (ALL_FOURS, 0.9), (PRONE, 1.2), rest=0.6),
            once((pose(SIT), 0.4), (pose(SIT, roll=40, arms=(30, 30)), 1.0), (SIDE, 1.1), rest=0.6),
        ),
        "lie on the floor": one_of(hold(*lying, sway=1.5), hold(*lying, sway=4)),
        "sleep": hold(
            *(pose(each, hop=0.5) for each in (SUPINE, SIDE, mirror(SIDE), PRONE_ARMS_DOWN)),
            sway=0.6,
        ),
        "roll over": one_of(
            once(
                (SUPINE, 0.4), (SIDE, 0.9), (pose(SIDE, roll=150), 0.8), (pose(SIDE, roll=176), 0.5)
            ),
            loop(*(pose(roll=a, arms=(30, 15), lean=2) for a in (90, 180)), period=(2, 3)),
        ),
        "get up from lying on the floor": one_of(
            once((SUPINE, 0.4), (FLOOR_SIT, 0.9), (pose(CROUCH, lean=40), 0.9), (STAND, 0.9)),
            once((PRONE, 0.4), (ALL_FOURS, 0.9), (KNEEL, 0.7), (LUNGE, 0.6), (STAND, 0.8)),
            once((SIDE, 0.4), (FLOOR_SIT, 0.9), (KNEEL, 0.9), (LUNGE, 0.6), (STAND, 0.7)),
            once((SUPINE, 0.4), (SIDE, 0.6), (ALL_FOURS, 0.9), (CROUCH, 0.8), (STAND, 0.8)),
        ),
        "sit up in bed": one_of(
            once((SUPINE, 0.5), (FLOOR_SIT, 1.0), rest=0.8), once((SIDE, 0.5), (SIT, 1.2), rest=0.8)
        ),
        "stand up": one_of(
            once((SIT, 0.6), (pose(SIT, lean=40), 0.5), (STAND, 0.8)),
            once((SLUMP, 0.6), (pose(SIT, lean=45, arms=(50, 10)), 0.5), (STAND, 0.8)),
        ),
        "stand up from the floor": one_of(
            once((FLOOR_SIT, 0.5), (CROUCH, 0.9), (STAND, 0.9)),
            once((CROSS_LEGGED, 0.5), (KNEEL, 0.9), (LUNGE, 0.6), (STAND, 0.8)),
        ),
        "sit down": one_of(
            once((STAND, 0.5), (pose(SIT, lean=42, thighs=(65, 6)), 0.6), (SIT, 0.5), rest=0.7),
            once((STAND, 0.3), (pose(SIT, lean=35), 0.7), (SLUMP, 0.5), rest=0.7),
        ),
        "sit down on the floor": one_of(
            once((STAND, 0.4), (CROUCH, 0.9), (FLOOR_SIT, 0.8), rest=0.6),
            once((STAND, 0.4), (KNEEL, 0.9), (CROSS_LEGGED, 0.9), rest=0.6),
        ),
        "sit on the floor": hold(
            FLOOR_SIT,
            CROSS_LEGGED,
            pose(
                FLOOR_SIT,
                thighs=(125, 8),
                shins=(30, 4),
                arms=(60, 10),
                forearms=(90, -20),
                lean=10,
            ),
        ),
        "sit on a chair": one_of(
            hold(SIT, SLUMP, pose(SIT, lean=-12), pose(SIT, arms=(20, 10), forearms=(110, -70))),
            busy(SIT, SLUMP, hands=4),
        ),
        "kneel": one_of(
            once((STAND, 0.5), (LUNGE, 0.7), (KNEEL, 0.7), rest=1.0),
            hold(KNEEL, pose(KNEEL, lean=25)),
        ),
        "stand still": hold(
            STAND,
            pose(arms=(10, 12), forearms=(90, -60)),
            pose(arms=(-20, 25), forearms=(30, -35)),
            sway=1.5,
        ),
        "crouch": one_of(
            once((STAND, 0.5), (CROUCH, 0.7), rest=1.5), hold(CROUCH, pose(CROUCH, lean=60))
        ),
        "pick up": _throw_down(),
        "tie shoes": one_of(
            busy(
                pose(CROUCH, lean=70),
                pose(LUNGE, lean=70, arms=(70, 8), forearms=(85, -8)),
                pose(SIT, lean=75, arms=(75, 8), forearms=(85, -8)),
                hands=8,
            )
        ),
        "bend forward": one_of(
            once((STAND, 0.4), (BENT, 0.9), (STAND, 0.9)), loop(STAND, BENT, period=(1.8, 3))
        ),
        "bow": once((STAND, 0.4), (pose(lean=45, arms=(5, 8), forearms=(8, 6)), 0.7), (STAND, 0.8)),
        "touch toes": loop(pose(ARMS_UP), pose(BENT, lean=110), period=(2, 4)),
        "squat": one_of(
            loop(STAND, SQUAT, period=(1.5, 3.5)),
            loop(
                pose(arms=(20, 20), forearms=(150, -30), **near_legs),
                pose(SQUAT, arms=(30, 20), forearms=(150, -30)),
                period=(1.5, 3.5),
            ),
            loop(ARMS_FORWARD, pose(SQUAT, lean=25), period=(1.5, 3.5)),
        ),
        "wall squat": hold(
            pose(SIT, arms=(0, 10), forearms=(5, 8)),
            pose(SIT, arms=(85, 5), forearms=(88, 2)),
            sway=1.2,
        ),
        "jumping squats": loop(STAND, SQUAT, pose(hop=0.25), period=(1.2, 2)),
        "jumping jacks": loop(pose(hop=0.02), pose(STAR, hop=0.06), period=(0.75, 1.5)),
        "star jumps": loop(pose(CROUCH, lean=30), pose(STAR, hop=0.35), period=(1, 2)),
        "jump": one_of(
            loop(
                pose(thighs=(30, 5), shins=(-30, 3), lean=15, arms=(-30, 10)),
                pose(ARMS_UP, hop=0.35),
                period=(0.8, 1.6),
            ),
            loop(STAND, pose(hop=0.2), period=(0.45, 0.9)),
            once(
                (STAND, 0.4),
                (pose(thighs=(50, 5), shins=(-45, 3), lean=30, arms=(-40, 10)), 0.4),
                (pose(ARMS_UP, hop=0.4, thighs=(10, 4)), 0.25),
                (GIVING_WAY, 0.25),
                (STAND, 0.3),
            ),
        ),
        "jump rope": loop(
            pose(arms=(5, 22), forearms=(60, 25)),
            pose(arms=(8, 24), forearms=(70, 28), hop=0.1, shins=(-25, 2)),
            period=(0.35, 0.7),
        ),
        "long jump": one_after_another(
            _short(_run((3, 6))),
            moving(
                once(
                    (RUN, 0.2),
                    (pose(thighs=(70, 8), shins=(40, 4), lean=30, arms=(120, 15), hop=0.5), 0.35),
                    (pose(CROUCH), 0.3),
                ),
                forward=(2, 4),
            ),
        ),
        "push-ups": one_of(
            loop(PLANK, PLANK_LOW, period=(1.0, 2.8)),
            loop(
                pose(PLANK, thighs=(-60, 5), shins=(-120, 4), lean=62),
                pose(PLANK_LOW, thighs=(-80, 5), shins=(-130, 4)),
                period=(1.2, 2.8),
            ),
        ),
        "plank": hold(PLANK, pose(PLANK_LOW, arms=(85, 8), forearms=(170, 2), lean=80), sway=1.2),
        "mountain climbers": loop(climber, mirror(climber), period=(0.5, 1.2)),
        "sit-ups": one_of(
            loop(supine_knees, sat_up, period=(1.4, 3)),
            loop(supine_reach, sat_reach, period=(1.4, 3)),
            loop(
                SUPINE_UP,
                pose(FLOOR_SIT, lean=20, arms=(80, 8), forearms=(85, 2)),
                period=(1.8, 3.5),
            ),
            loop(supine_knees, pose(supine_knees, lean=-55), period=(0.9, 2)),
        ),
        "leg raises": loop(
            pose(SUPINE), pose(SUPINE, thighs=(170, 5), shins=(165, 4)), period=(1.6, 3.5)
        ),
        "hip bridge": loop(
            pose(thighs=(130, 8), shins=(20, 5), lean=-90),
            pose(thighs=(65, 8), shins=(0, 5), lean=-115),
            period=(1.6, 3.5),
        ),
        "burpees": one_of(_burpee(True), _burpee(False)),
        "inchworm walk-outs": loop(*inch, period=(4, 7)),
        "forward lunge": one_of(
            loop(STAND, LUNGE, STAND, mirror(LUNGE), period=(2.5, 5)),
            loop(STAND, LUNGE, period=(1.5, 3)),
        ),
        "run in place": loop(RUN_PASS, mirror(RUN_PASS), period=(0.45, 0.75)),
        "high knees": loop(knee, mirror(knee), period=(0.45, 0.9)),
        "arm circles": one_of(
            loop(
                *(
                    pose(arms=(f, o), forearms=(f, o))
                    for f, o in ((20, 95), (0, 115), (-20, 95), (0, 75))
                ),
                period=(0.8, 2),
            ),
            loop(
                *(pose(arms=(f, 10), forearms=(f, 8)) for f in (0, 90, 180, 270)), period=(1.2, 2.5)
            ),
            loop(*(pose(arms=(0, o), forearms=(0, o)) for o in (10, 90, 170, 90)), period=(1.5, 3)),
        ),
        "arm curl": one_of(
            _curl(),
            loop(
                pose(SIT, arms=(10, 10), forearms=(10, 6)),
                pose(SIT, arms=(15, 10), forearms=(150, 0)),
                period=(1.5, 3),
            ),
        ),
        "lift dumbbells": one_of(
            loop(shoulders_bar, bar_up, period=(1.6, 3.2)),
            loop(bar_hang, pose(ARMS_OUT), period=(1.6, 3.2)),
            loop(
                pose(HALF_BENT, arms=(50, 6), forearms=(50, 2)),
                pose(HALF_BENT, arms=(-30, 20), forearms=(60, 6)),
                period=(1.5, 3),
            ),
            loop(
                pose(SIT, arms=(20, 40), forearms=(165, 0)),
                pose(SIT, arms=(165, 20), forearms=(175, 6)),
                period=(1.6, 3.2),
            ),
        ),
        "bench press": loop(
            pose(
                thighs=(100, 20), shins=(10, 5), lean=-90, arms=(15, 60), forearms=(92, 0), hop=0.4
            ),
            pose(
                thighs=(100, 20), shins=(10, 5), lean=-90, arms=(88, 12), forearms=(90, 2), hop=0.4
            ),
            period=(1.4, 3),
        ),
        "deadlift": one_of(
            loop(bar_low, bar_hang, period=(2, 4)),
            once((bar_low, 0.6), (bar_hang, 1.0), (bar_low, 1.0)),
        ),
        "clean and jerk": once(
            (bar_low, 0.5),
            (bar_hang, 0.7),
            (pose(SQUAT, arms=(40, 20), forearms=(150, -5)), 0.3),
            (shoulders_bar, 0.8),
            (bar_up, 0.35),
            rest=0.8,
        ),
        "pull-ups": loop(PULL_LOW, PULL_HIGH, period=(1.4, 3.2)),
        "hang on a bar": hold(PULL_LOW, sway=3),
        "stretch": _stretch(),
        "yoga": _yoga(),
        "tai chi": _tai_chi(),
        "dance": _dance(),
        "moonwalk": _moonwalk(),
        "crawl": one_of(
            moving(loop(crawl, mirror(crawl), period=(0.9, 1.8)), forward=(0.3, 0.8)),
            moving(
                loop(
                    pose(PRONE, thighs=((-60, 50), (-88, 8)), arms=((150, 10), (60, 30))),
                    mirror(pose(PRONE, thighs=((-60, 50), (-88, 8)), arms=((150, 10), (60, 30)))),
                    period=(1.2, 2.2),
                ),
                forward=(0.2, 0.5),
            ),
        ),
        "walk": one_of(_walk(), _walk((0.5, 0.9)), _walk(turn=25)),
        "walk in place": loop(PASS, mirror(PASS), period=(0.9, 1.3)),
        "hike": moving(
            loop(
                pose(STRIDE, lean=18),
                pose(PASS, lean=18),
                mirror(pose(STRIDE, lean=18)),
                mirror(pose(PASS, lean=18)),
                period=(1.1, 1.5),
            ),
            forward=(0.6, 1.1),
        ),
        "climb stairs": moving(
            loop(
                pose(STRIDE, thighs=((65, 4), (-5, 4)), shins=((0, 2), (-10, 2)), lean=14),
                pose(PASS, thighs=((15, 4), (45, 4)), shins=((-8, 2), (-60, 2)), lean=14),
                mirror(pose(STRIDE, thighs=((65, 4), (-5, 4)), shins=((0, 2), (-10, 2)), lean=14)),
                mirror(pose(PASS, thighs=((15, 4), (45, 4)), shins=((-8, 2), (-60, 2)), lean=14)),
                period=(1.1, 1.6),
            ),
            forward=(0.3, 0.6),
            hop=0.35,
        ),
        "walk a dog": one_of(moving(walking_dog, forward=(0.7, 1.3)), busy(lead, hands=6)),
        "run": one_of(_run((2.5, 6)), _run((0, 0.3))),
        "jog": one_of(_run((1.5, 2.8), (0.7, 0.9)), _run((0, 0.2), (0.7, 0.9))),
        "get hit and stagger": once(
            (STAND, 0.4),
            (pose(pitch=-15, arms=(40, 40), thighs=((20, 8), (-20, 8))), 0.3),
            (pose(pitch=8, thighs=((-15, 8), (20, 8))), 0.4),
            (STAND, 0.6),
        ),
        "spin around": moving(loop(STAND, PASS, mirror(PASS), period=(0.8, 1.2)), turn=160),
        "wave one hand": one_of(
            loop(wave_in, wave_out, period=(0.4, 1.1)),
            loop(high_in, high_out, period=(0.5, 1.2)),
            loop(_one_hand((0, 85), (0, 178)), _one_hand((0, 85), (0, 110)), period=(0.5, 1.2)),
            loop(_one_hand((0, 150), (0, 160)), _one_hand((0, 60), (0, 70)), period=(0.7, 1.4)),
        ),
        "wave both hands": one_of(
            loop(both_in, both_out, period=(0.5, 1.2)),
            loop(elbows_in, elbows_out, period=(0.4, 1.1)),
            loop(
                pose(arms=(0, 165), forearms=(0, 172)),
                pose(arms=(0, 65), forearms=(0, 75)),
                period=(0.7, 1.5),
            ),
        ),
        "raise hand": once((STAND, 0.5), (_one_hand((160, 15), (172, 5)), 0.6), rest=1.0),
        "raise both hands": once((STAND, 0.5), (ARMS_UP, 0.7), rest=1.0),
        "cheer": one_of(
            _hands_up_and_down(),
            loop(
                pose(arms=(0, 150), forearms=(0, 165)),
                pose(arms=(0, 125), forearms=(0, 150), hop=0.06),
                period=(0.4, 0.9),
            ),
        ),
        "clap hands": one_of(
            loop(
                pose(arms=(52, 34), forearms=(82, 42)),
                pose(arms=(56, 4), forearms=(88, -34)),
                period=(0.3, 0.7),
            ),
            loop(
                pose(SIT, arms=(35, 25), forearms=(95, 15)),
                pose(SIT, arms=(35, 10), forearms=(95, -35)),
                period=(0.3, 0.7),
            ),
            loop(
                pose(arms=(10, 18), forearms=(105, 5)),
                pose(arms=(10, 12), forearms=(105, -40)),
                period=(0.3, 0.7),
            ),
        ),
        "shake hands": one_of(
            loop(shake, _one_hand((35, 8), (78, -8)), period=(0.3, 0.7)),
            once(
                (STAND, 0.4),
                (shake, 0.6),
                (_one_hand((35, 8), (78, -8)), 0.2),
                (shake, 0.2),
                (STAND, 0.6),
            ),
        ),
        "hug": _hug(),
        "box": _box(),
        "kick": one_of(
            loop(GUARD, kick_back, kick_out, kick_back, period=(1.2, 2.2)),
            once((GUARD, 0.4), (kick_back, 0.35), (kick_out, 0.2), (kick_back, 0.3), (GUARD, 0.3)),
        ),
        "fight": one_of(
            _box(),
            loop(
                GUARD,
                pose(GUARD, arms=((80, 20), (20, 12)), forearms=((90, 0), (135, -8))),
                kick_out,
                GUARD,
                period=(1.4, 2.4),
            ),
            once(
                (GUARD, 0.3),
                (
                    pose(
                        arms=(75, 15),
                        forearms=(90, -30),
                        lean=30,
                        thighs=((50, 10), (-20, 10)),
                        shins=((-30, 4), (-40, 4)),
                    ),
                    0.4,
                ),
                rest=1.0,
            ),
        ),
        "arm wrestle": one_of(
            loop(
                pose(SIT, arms=((20, 20), (50, 15)), forearms=((80, -30), (150, -10)), lean=20),
                pose(
                    SIT,
                    arms=((20, 20), (50, 15)),
                    forearms=((80, -30), (140, -45)),
                    lean=24,
                    bend=8,
                ),
                period=(1.5, 4),
            )
        ),
        "swing a golf club": one_of(
            once(
                (
                    pose(
                        lean=32, arms=(30, -4), forearms=(34, -8), thighs=(12, 10), shins=(-12, 6)
                    ),
                    0.5,
                ),
                (pose(thighs=(12, 10), shins=(-12, 6), **golf_back), 0.8),
                (pose(thighs=(12, 10), shins=(-12, 6), **golf_low), 0.25),
                (pose(thighs=(5, 8), **golf_end), 0.3),
                rest=0.7,
            ),
            hold(
                pose(lean=34, arms=(32, -4), forearms=(36, -8), thighs=(12, 10), shins=(-12, 6)),
                sway=2,
            ),
        ),
        "swing a baseball bat": one_of(
            _swing(bat_back, bat_end, **sports), _swing(bat_back, bat_end, **near_legs)
        ),
        "pitch a baseball": once(
            (STAND, 0.4),
            (pose(**pitch_back), 0.7),
            (pose(**pitch_wide), 0.35),
            (pose(**pitch_end), 0.3),
            rest=0.6,
        ),
        "throw": one_of(
            once(
                (STAND, 0.3),
                (pose(arms=((60, 20), (-10, 100)), forearms=((80, 10), (110, 40)), twist=-35), 0.5),
                (
                    pose(
                        arms=((10, 20), (90, 5)), forearms=((30, 10), (70, -10)), twist=35, lean=18
                    ),
                    0.25,
                ),
                rest=0.5,
            )
        ),
        "play tennis": one_of(
            _swing(forehand_back, forehand_end, **sports),
            _swing(serve_back, serve_end, 0.25),
            loop(
                pose(**(sports | forehand_back)),
                pose(**sports),
                pose(**(sports | forehand_end)),
                pose(**sports),
                period=(2, 3.5),
            ),
        ),
        "tennis serve": one_of(
            _swing(serve_back, serve_end, 0.25),
            once(
                (STAND, 0.5),
                (pose(arms=((170, 8), (30, 40)), forearms=((172, 4), (60, 30))), 0.6),
                (pose(**serve_back), 0.3),
                (pose(**serve_end), 0.25),
            ),
        ),
        "play badminton": one_of(
            _swing(smash_up, serve_end, 0.25, **sports),
            _swing(
                forehand_back,
                {"arms": ((30, 30), (120, 0)), "forearms": ((80, 0), (140, -20)), "twist": 30},
                0.25,
                **sports,
            ),
            loop(
                pose(**(sports | smash_up)),
                pose(**sports),
                pose(**(sports | serve_end)),
                period=(1.6, 3),
            ),
        ),
        "play squash": one_of(
            moving(
                _swing(
                    forehand_back,
                    forehand_end,
                    0.25,
                    thighs=((50, 10), (10, 14)),
                    shins=((-40, 6), (-40, 8)),
                    lean=28,
                ),
                forward=(-0.8, 0.8),
            )
        ),
        "play table tennis": loop(
            pose(
                lean=26,
                thighs=(25, 14),
                shins=(-25, 8),
                arms=((30, 20), (20, 40)),
                forearms=((85, 0), (80, 40)),
            ),
            pose(
                lean=26,
                thighs=(25, 14),
                shins=(-25, 8),
                arms=((30, 20), (50, 5)),
                forearms=((85, 0), (120, -35)),
            ),
            period=(0.6, 1.3),
        ),
        "bowl": one_of(
            once((STAND, 0.4), (pose(**bowl_back), 0.6), (pose(**bowl_end), 0.35), rest=0.7),
            one_after_another(
                _short(_walk()), once((pose(**bowl_back), 0.4), (pose(**bowl_end), 0.35), rest=0.7)
            ),
        ),
        "kick a ball": one_of(
            once((PASS, 0.3), (kick_back, 0.35), (kick_out, 0.2), (STAND, 0.4)),
            one_after_another(
                _short(_run((2, 4)), 1.2), once((kick_back, 0.25), (kick_out, 0.18), (STAND, 0.4))
            ),
        ),
        "juggle a soccer ball": loop(
            pose(
                thighs=((0, 4), (50, 5)), shins=((0, 2), (-20, 3)), arms=(15, 30), forearms=(40, 25)
            ),
            pose(arms=(10, 25), forearms=(35, 20)),
            pose(
                thighs=((40, 5), (0, 4)), shins=((20, 3), (0, 2)), arms=(15, 30), forearms=(40, 25)
            ),
            pose(arms=(10, 25), forearms=(35, 20)),
            period=(1, 2),
        ),
        "juggle balls": loop(
            pose(arms=((12, 12), (18, 12)), forearms=((110, -5), (80, 5))),
            pose(arms=((18, 12), (12, 12)), forearms=((80, 5), (110, -5))),
            period=(0.4, 0.8),
        ),
        "dribble a basketball": one_of(
            loop(dribble_high, dribble_low, period=(0.4, 0.8)),
            moving(
                loop(
                    pose(STRIDE, arms=((-10, 20), (30, 18)), forearms=((30, 0), (90, 5)), lean=18),
                    pose(PASS, arms=((0, 20), (35, 15)), forearms=((30, 0), (60, 5)), lean=18),
                    period=(0.5, 0.8),
                ),
                forward=(1, 2.5),
            ),
        ),
        "shoot a basketball": once(
            (STAND, 0.3),
            (shot_low, 0.4),
            (shot_set, 0.35),
            (shot_high, 0.25),
            (pose(arms=(130, 10), forearms=(120, 4)), 0.4),
            rest=0.3,
        ),
        "play volleyball": one_of(
            once(
                (pose(**sports), 0.4),
                (pose(arms=(100, 10), forearms=(160, -5), hop=0.3), 0.5),
                (pose(arms=((60, 20), (160, 10)), forearms=((80, 10), (230, 5)), hop=0.45), 0.2),
                (pose(arms=(60, 10), forearms=(60, 5)), 0.3),
            ),
            loop(
                pose(thighs=(50, 14), shins=(-45, 6), lean=32, arms=(45, -3), forearms=(48, -6)),
                pose(thighs=(30, 14), shins=(-25, 6), lean=22, arms=(75, -3), forearms=(78, -6)),
                period=(1, 2),
            ),
            loop(
                pose(arms=(110, 30), forearms=(175, -10)),
                pose(arms=(150, 15), forearms=(165, 4)),
                period=(1, 2),
            ),
        ),
        "goalkeeper dives": once(
            (pose(**sports), 0.5),
            (pose(thighs=(50, 20), shins=(-45, 5), lean=30), 0.3),
            (keeper, 0.45),
            (pose(SIDE_STRAIGHT, arms=(165, 10), x=-1.8), 0.3),
            rest=0.5,
        ),
        "swim": _swim(),
        "dive": once(
            (pose(ARMS_UP, hop=1.0), 0.5),
            (pose(thighs=(40, 4), shins=(-40, 2), lean=40, arms=(-30, 8), hop=1.0), 0.5),
            (pose(dive, hop=1.2), 0.4),
            (pose(dive, pitch=150, hop=-0.2), 0.4),
            rest=0.1,
        ),
        "row": loop(row_front, row_back, period=(1.8, 3)),
        "paddle a canoe": loop(
            paddle,
            pose(SIT, lean=8, shins=(60, 5)),
            mirror(paddle),
            pose(SIT, lean=8, shins=(60, 5)),
            period=(1.4, 2.6),
        ),
        "ride a bicycle": one_of(
            loop(CYCLE, mirror(CYCLE), period=(0.7, 1.4)),
            moving(loop(CYCLE, mirror(CYCLE), period=(0.7, 1.4)), forward=(2, 5)),
            loop(
                pose(CYCLE, lean=18, arms=(60, 10)),
                mirror(pose(CYCLE, lean=18, arms=(60, 10))),
                period=(0.8, 1.6),
            ),
        ),
        "ride a motorcycle": moving(
            hold(
                pose(
                    SIT, lean=20, arms=(65, 25), forearms=(85, 0), thighs=(75, 14), shins=(-15, 4)
                ),
                sway=2.5,
            ),
            forward=(0, 5),
        ),
        "ride a horse": one_of(
            moving(loop(RIDE, gallop, period=(0.5, 0.9)), forward=(0, 4)),
            moving(hold(RIDE, sway=3), forward=(0, 1.5)),
            moving(loop(RIDE, pose(RIDE, hop=0.04), period=(0.5, 0.9)), forward=(0.5, 3)),
        ),
        "ride a segway": moving(
            hold(pose(arms=(35, 14), forearms=(75, -5), lean=3), sway=2), forward=(0, 3)
        ),
        "ride a hoverboard": moving(
            hold(pose(arms=(8, 25), forearms=(25, 25), thighs=(8, 8), shins=(-8, 6)), sway=4),
            forward=(0, 2),
            turn=20,
        ),
        "skateboard": one_of(
            moving(hold(board, board_up, sway=5), forward=(0, 4)),
            moving(
                loop(
                    pose(board, lean=14),
                    pose(thighs=((40, 8), (-30, 8)), shins=((-30, 4), (-30, 6)), lean=24),
                    period=(1, 2),
                ),
                forward=(1, 3),
            ),
        ),
        "snowboard": moving(
            loop(board, board_up, pose(board, bend=14), period=(2, 4)), forward=(0, 5), turn=15
        ),
        "surf": moving(
            loop(
                pose(board, arms=(20, 75)),
                pose(board_up, thighs=(60, 30), shins=(-50, 5)),
                period=(1.5, 4),
            ),
            forward=(0, 3),
        ),
        "ski": one_of(
            moving(hold(ski, sway=4), forward=(2, 6)),
            moving(
                loop(pose(ski, bend=14, turn=18), pose(ski, bend=-14, turn=-18), period=(1.5, 3)),
                forward=(1, 5),
            ),
        ),
        "ice skate": moving(
            loop(
                skate,
                pose(thighs=(30, 6), shins=(-30, 4), lean=30),
                mirror(skate),
                period=(1.2, 2.2),
            ),
            forward=(2, 5),
        ),
        "climb a wall": moving(loop(climb, mirror(climb), period=(1.8, 4)), hop=0.25),
        "abseil": moving(
            loop(
                pose(
                    thighs=(80, 18),
                    shins=(60, 8),
                    lean=-30,
                    arms=((70, 10), (10, 20)),
                    forearms=((110, -10), (40, 10)),
                ),
                pose(
                    thighs=(95, 18),
                    shins=(40, 8),
                    lean=-25,
                    arms=((75, 10), (15, 20)),
                    forearms=((120, -10), (50, 10)),
                ),
                period=(1.2, 2.5),
            ),
            hop=-0.5,
        ),
        "cartwheel": once(*((each, 0.3) for each in cartwheel), (STAND, 0.3)),
        "handstand": one_of(
            hold(handstand, sway=4),
            once(
                (ARMS_UP, 0.4),
                (pose(LUNGE, lean=70, arms=(160, 8), forearms=(165, 4)), 0.6),
                (pose(arms=(178, 8), forearms=(178, 4), pitch=180), 0.6),
                rest=1.2,
            ),
        ),
        "backflip": once(
            (STAND, 0.3),
            (pose(thighs=(50, 6), shins=(-45, 4), lean=30, arms=(-30, 10)), 0.4),
            *((each, 0.18) for each in flip),
            (pose(GIVING_WAY, pitch=-360), 0.2),
            (pose(pitch=-360), 0.4),
        ),
        "roll": once(
            (CROUCH, 0.3),
            *((each, 0.25) for each in rolled),
            (pose(CROUCH, pitch=360, z=2), 0.3),
            rest=0.4,
        ),
        "gymnastics": one_of(
            once(
                (ARMS_UP, 0.4),
                (pose(arms=(0, 110), thighs=((0, 4), (90, 5)), shins=((0, 2), (90, 2))), 0.8),
                rest=0.8,
            ),
            hold(
                pose(arms=(0, 95), thighs=((0, 4), (-80, 5)), shins=((0, 2), (-80, 3)), lean=60),
                sway=3,
            ),
            once(*((each, 0.3) for each in cartwheel), (ARMS_UP, 0.4)),
            moving(
                loop(
                    *(pose(PULL_LOW, pitch=a, shins=(0, 2)) for a in (-60, 0, 60, 0)),
                    period=(1.5, 2.5),
                )
            ),
        ),
        "shoot a bow": one_of(
            once(
                (bow_start, 0.5),
                (bow_draw, 0.9),
                (pose(bow_draw, forearms=((0, 92), (20, -40))), 0.15),
                rest=0.6,
            ),
            hold(bow_draw, sway=1.5),
        ),
        "shoot a rifle": one_of(
            hold(rifle, pose(rifle, lean=10), sway=1.2),
            hold(
                pose(PRONE, lean=70, arms=((150, 10), (110, 40)), forearms=((165, -5), (170, -40))),
                sway=1,
            ),
            hold(pose(KNEEL, arms=((80, 5), (55, 40)), forearms=((95, -5), (110, -50))), sway=1.2),
        ),
        "shoot a pistol": one_of(
            hold(pistol, sway=1.5),
            loop(pistol, pose(pistol, forearms=(98, -8)), period=(0.6, 1.5)),
            once((STAND, 0.4), (pistol, 0.5), rest=1.4),
        ),
        "chop with an axe": one_of(
            _two_handed(
                {"arms": (160, 0), "forearms": (200, -4)},
                {"arms": (50, 0), "forearms": (55, -4), "lean": 45},
                (1.0, 2.2),
            )
        ),
        "hammer": _tool(
            ((60, 15), (140, -5)),
            ((35, 12), (75, -10)),
            (0.4, 1.1),
            (WORK, DESK, pose(KNEEL, lean=35)),
        ),
        "saw wood": one_of(
            *(
                loop(
                    _one_hand((50, 12), (80, -8), b),
                    _one_hand((-30, 12), (60, -8), b),
                    period=(0.5, 1.2),
                )
                for b in (pose(WORK, lean=35), WORK)
            )
        ),
        "dig with a shovel": loop(
            pose(lean=50, arms=((50, 10), (30, 15)), forearms=((50, -5), (60, -10))),
            pose(lean=20, twist=35, arms=((70, 10), (50, 15)), forearms=((80, -5), (100, -10))),
            period=(1.8, 3),
        ),
        "sweep the floor": loop(
            pose(lean=20, twist=18, arms=((40, 10), (60, 10)), forearms=((60, -15), (100, -15))),
            pose(lean=20, twist=-18, arms=((40, 10), (60, 10)), forearms=((60, -15), (100, -15))),
            period=(0.9, 2),
        ),
        "clean a window": loop(
            pose(arms=((5, 10), (95, 30)), forearms=((10, 8), (120, 40))),
            pose(arms=((5, 10), (110, 5)), forearms=((10, 8), (140, -25))),
            period=(0.8, 1.8),
        ),
        "paint or plaster a wall": loop(
            pose(arms=((15, 12), (130, 15)), forearms=((80, -8), (140, 5))),
            pose(arms=((15, 12), (60, 15)), forearms=((80, -8), (85, 5)), lean=10),
            period=(1, 2.4),
        ),
        "write on a board": busy(
            pose(arms=((5, 10), (95, 15)), forearms=((10, 8), (140, 0)), lean=2),
            pose(arms=((5, 10), (70, 20)), forearms=((10, 8), (120, -10))),
            hands=9,
            rate=1.5,
        ),
        "give a presentation": one_of(
            _gesture(),
            busy(pose(arms=((15, 15), (60, 45)), forearms=((85, 5), (90, 60))), hands=16),
        ),
        "talk with gestures": one_of(
            _gesture(), busy(pose(SIT, arms=(15, 15), forearms=(90, 5)), hands=20, rate=1.0)
        ),
        "chop vegetables": _tool(
            ((25, 14), (95, -18)), ((25, 14), (80, -18)), (0.25, 0.7), (WORK, pose(WORK, lean=22))
        ),
        "cook": one_of(
            busy(WORK, pose(WORK, lean=22), hands=16),
            loop(
                _one_hand((30, 20), (85, 5), WORK),
                _one_hand((40, 12), (90, -30), WORK),
                period=(0.6, 1.4),
            ),
        ),
        "stir in a bowl": one_of(
            *(
                loop(
                    *(
                        _one_hand((25 + f, 18), (85 + f, o), b)
                        for f, o in ((0, -10), (8, -25), (0, -38), (-8, -25))
                    ),
                    period=(0.5, 1.3),
                )
                for b in (WORK, DESK)
            )
        ),
        "knead dough": loop(
            pose(WORK, arms=(20, 12), forearms=(75, -18), lean=18),
            pose(WORK, arms=(50, 8), forearms=(70, -10), lean=28),
            period=(0.8, 1.6),
        ),
        "wash hands": busy(
            pose(WORK, arms=(25, 10), forearms=(80, -32), lean=16), hands=9, rate=2.2
        ),
        "wash dishes": busy(
            pose(WORK, arms=(25, 10), forearms=(80, -25), lean=16), hands=13, rate=1.6
        ),
        "iron or sand a surface": loop(
            _one_hand((55, 10), (75, -10), pose(WORK, lean=22)),
            _one_hand((-5, 20), (70, -10), pose(WORK, lean=22)),
            period=(0.6, 1.6),
        ),
        "work with the hands at a table": one_of(
            busy(
                WORK, DESK, pose(CROSS_LEGGED, lean=18, arms=(35, 10), forearms=(80, -20)), hands=10
            ),
            busy(DESK, pose(DESK, lean=22), hands=6),
        ),
        "type on a keyboard": busy(DESK, pose(DESK, lean=0), hands=3, rate=3.0),
        "write": busy(
            pose(DESK, lean=22),
            pose(DESK, lean=30, forearms=((86, -30), (88, -18))),
            hands=3,
            rate=1.5,
        ),
        "read": one_of(
            hold(
                READ,
                pose(READ, lean=14),
                pose(arms=(28, 8), forearms=(115, -18)),
                pose(SUPINE, arms=(70, 10), forearms=(110, -20), hop=0.4),
                sway=1.2,
            ),
            busy(READ, pose(READ, lean=-8), hands=2.5),
        ),
        "use a phone": one_of(
            hold(
                pose(READ, forearms=(125, -22)),
                pose(arms=(20, 8), forearms=(120, -22), lean=6),
                sway=1.2,
            ),
            busy(_one_hand((25, 10), (115, -22)), hands=3),
        ),
        "talk on the phone": one_of(
            hold(phone, pose(phone, lean=4), _one_hand((20, 25), (160, -18), SIT), sway=2),
            moving(hold(phone, sway=2), forward=(0, 0.8)),
        ),
        "eat": one_of(
            loop(EAT_DOWN, EAT_UP, period=(1.4, 4)),
            once((EAT_DOWN, 0.8), (EAT_UP, 0.7), (EAT_DOWN, 0.8), rest=0.7),
            loop(pose(EAT_DOWN, lean=22), pose(EAT_UP, lean=16), period=(1.6, 4)),
        ),
        "drink": one_of(
            once((drink_low, 0.5), (drink_high, 0.8), rest=1.4),
            once(
                (_one_hand((25, 10), (90, -10), SIT), 0.5),
                (_one_hand((55, 25), (160, -25), SIT), 0.8),
                rest=1.2,
            ),
            loop(drink_low, drink_high, period=(2.5, 4)),
        ),
        "pour a drink": one_of(
            *(
                once(
                    (b, 0.4),
                    (_one_hand((55, 35), (95, -25), b), 0.8),
                    (_one_hand((60, 45), (80, -35), b), 0.6),
                    rest=1.0,
                )
                for b in (WORK, DESK)
            )
        ),
        "brush teeth": loop(brush_in, brush_out, period=(0.25, 0.6)),
        "put on make-up": busy(
            pose(SIT, arms=((15, 12), (45, 30)), forearms=((70, -20), (150, -35))),
            pose(arms=((15, 12), (45, 30)), forearms=((100, -25), (155, -35))),
            hands=6,
        ),
        "comb the hair": one_of(
            *(
                loop(
                    _one_hand((80, 40), (200, -30), b),
                    _one_hand((50, 45), (165, -20), b),
                    period=(0.8, 1.8),
                )
                for b in (STAND, SIT)
            )
        ),
        "scratch the head": loop(
            _one_hand((70, 45), (190, -45)), _one_hand((72, 48), (196, -38)), period=(0.25, 0.6)
        ),
        "put a finger on the lips": once(
            (STAND, 0.4), (_one_hand((45, 25), (150, -35)), 0.6), rest=1.6
        ),
        "cough": one_of(
            loop(pose(cough, lean=12), cough, period=(0.4, 1.0)),
            loop(
                pose(SIT, lean=8, arms=((15, 10), (45, 25)), forearms=((60, -5), (150, -40))),
                pose(SIT, lean=22, arms=((15, 10), (50, 25)), forearms=((60, -5), (155, -40))),
                period=(0.4, 1.0),
            ),
        ),
        "hold something in the arms": one_of(
            hold(
                pose(arms=(20, 14), forearms=(100, -35)),
                pose(SIT, arms=(20, 14), forearms=(100, -35)),
                sway=2,
            ),
            moving(
                loop(
                    pose(STRIDE, arms=(20, 14), forearms=(100, -35)),
                    pose(PASS, arms=(20, 14), forearms=(100, -35)),
                    period=(0.9, 1.2),
                ),
                forward=(0.5, 1.2),
            ),
        ),
        "carry something": moving(
            loop(
                *(
                    pose(b, arms=(15, 14), forearms=(80, -6))
                    for b in (STRIDE, PASS, mirror(STRIDE), mirror(PASS))
                ),
                period=(0.95, 1.3),
            ),
            forward=(0.5, 1.2),
        ),
        "push something": moving(
            loop(
                *(
                    pose(b, arms=(80, 10), forearms=(88, 2), lean=26)
                    for b in (STRIDE, PASS, mirror(STRIDE), mirror(PASS))
                ),
                period=(1.0, 1.4),
            ),
            forward=(0.3, 1.0),
        ),
        "pull something": moving(
            loop(
                *(
                    pose(b, arms=(65, 10), forearms=(75, 2), lean=-18)
                    for b in (STRIDE, PASS, mirror(STRIDE), mirror(PASS))
                ),
                period=(1.0, 1.4),
            ),
            forward=(-0.9, -0.3),
        ),
        "play guitar": _strum(),
        "play drums": _drum(),
        "play hand drums": one_of(
            *(
                loop(
                    pose(b, arms=(28, 15), forearms=((100, -12), (70, -14))),
                    pose(b, arms=(28, 15), forearms=((70, -14), (100, -12))),
                    period=(0.25, 0.6),
                )
                for b in (SIT, pose(lean=16))
            )
        ),
        "play the piano": busy(
            pose(SIT, arms=(35, 14), forearms=(88, -4), lean=6),
            pose(SIT, arms=(35, 22), forearms=(88, 8), lean=10),
            hands=8,
            rate=2.0,
        ),
        "play the violin": one_of(
            loop(violin, violin_out, period=(0.6, 2)),
            loop(
                pose(violin, thighs=(86, 8), shins=(-2, 4)),
                pose(violin_out, thighs=(86, 8), shins=(-2, 4)),
                period=(0.6, 2),
            ),
        ),
        "play the cello": loop(cello, cello_out, period=(0.8, 2.4)),
        "play the double bass": one_of(
            loop(bass, bass_out, period=(0.4, 1.2)), busy(bass, hands=6)
        ),
        "play the harp": busy(harp, pose(harp, arms=(70, 20)), hands=10, rate=1.6),
        "play the trumpet": one_of(
            busy(trumpet, pose(trumpet, thighs=(86, 8), shins=(-2, 4)), hands=3),
            loop(
                trumpet,
                pose(trumpet, arms=((50, 22), (75, 15)), forearms=((105, -30), (95, -10))),
                period=(0.6, 1.6),
            ),
        ),
        "play the flute": busy(flute, pose(flute, thighs=(86, 8), shins=(-2, 4)), hands=3),
        "play the accordion": one_of(
            loop(squeeze_in, squeeze_out, period=(1.2, 3)),
            loop(
                pose(arms=(10, 15), forearms=(95, -15)),
                pose(arms=(15, 40), forearms=(90, 15)),
                period=(1.2, 3),
            ),
        ),
        "play the xylophone": loop(
            mallet,
            pose(mallet, arms=((30, 25), (30, 5)), forearms=((75, 5), (95, -20))),
            mirror(mallet),
            period=(0.4, 0.9),
        ),
        "sing": one_of(busy(sing, hands=9), busy(pose(sing, lean=6), hands=14)),
        "use sign language": busy(
            pose(arms=(20, 15), forearms=(125, -15)),
            pose(arms=((8, 10), (25, 20)), forearms=((15, 8), (140, -15))),
            hands=26,
            rate=2.0,
        ),
        "conduct an orchestra": loop(
            pose(arms=(50, 35), forearms=(110, 10)),
            pose(arms=(40, 20), forearms=(80, -5)),
            pose(arms=(45, 55), forearms=(100, 40)),
            period=(0.9, 2),
        ),
        "type or tap on a screen": busy(
            _one_hand((40, 10), (100, -15)), _one_hand((35, 12), (95, -20), SIT), hands=7, rate=1.6
        ),
        "baby lies and moves": one_of(
            busy(baby, hands=25), loop(baby, baby_kick, mirror(baby_kick), period=(0.6, 1.6))
        ),
        "laugh": one_of(
            loop(pose(SIT, lean=4), pose(SIT, lean=20), period=(0.5, 1.4)),
            loop(
                pose(lean=2, arms=(20, 15), forearms=(90, -30)),
                pose(lean=24, arms=(25, 15), forearms=(100, -35)),
                period=(0.5, 1.4),
            ),
        ),
        "fix a motorcycle": busy(
            pose(CROUCH, lean=40, arms=(55, 12), forearms=(80, -8)),
            pose(KNEEL, lean=30, arms=(55, 12), forearms=(80, -8)),
            hands=12,
        ),
        "weld": busy(
            pose(WORK, lean=32),
            pose(CROUCH, lean=45),
            pose(KNEEL, lean=40, arms=(50, 12), forearms=(80, -14)),
            hands=4,
        ),
        "shovel or rake": loop(
            pose(lean=28, arms=((65, 10), (40, 14)), forearms=((70, -10), (75, -16))),
            pose(lean=22, arms=((35, 10), (5, 14)), forearms=((70, -10), (80, -16))),
            period=(1, 2),
        ),
        "spin fire": loop(
            pose(arms=((70, 20), (20, 60)), forearms=((120, 10), (60, 60)), twist=20),
            pose(arms=((20, 60), (70, 20)), forearms=((60, 60), (120, 10)), twist=-20),
            pose(arms=((130, 20), (110, 40)), forearms=((150, 0), (120, 30))),
            period=(0.8, 1.6),
        ),
        "play pool": one_of(
            loop(
                pose(
                    lean=62,
                    arms=((95, 5), (10, 60)),
                    forearms=((98, 2), (60, 0)),
                    thighs=((15, 10), (-15, 10)),
                ),
                pose(
                    lean=62,
                    arms=((95, 5), (-20, 50)),
                    forearms=((98, 2), (40, 5)),
                    thighs=((15, 10), (-15, 10)),
                ),
                period=(0.8, 1.8),
            ),
            hold(pose(lean=62, arms=((95, 5), (10, 60)), forearms=((98, 2), (60, 0))), sway=1.5),
        ),
        "play with a dog": one_of(
            busy(
                pose(CROUCH, lean=45),
                pose(KNEEL, lean=35, arms=(60, 20), forearms=(75, 5)),
                hands=20,
            ),
            loop(
                pose(lean=50, arms=(50, 15), forearms=(60, 5)),
                pose(lean=30, arms=(60, 25), forearms=(80, 10)),
                period=(0.7, 1.6),
            ),
        ),
        "ride a balance bike": moving(
            loop(
                pose(CYCLE, lean=24, thighs=((65, 10), (15, 10)), shins=((20, 4), (-50, 4))),
                mirror(
                    pose(CYCLE, lean=24, thighs=((65, 10), (15, 10)), shins=((20, 4), (-50, 4)))
                ),
                period=(0.7, 1.2),
            ),
            forward=(1, 3),
        ),
        "jump on a bed": loop(
            pose(thighs=(30, 8), shins=(-30, 5)),
            pose(hop=0.5, arms=(40, 60), forearms=(60, 60), thighs=(20, 12)),
            period=(0.7, 1.2),
        ),
        "flip a pancake": loop(
            _one_hand((35, 12), (80, -8), WORK),
            _one_hand((45, 12), (110, -8), WORK),
            period=(0.7, 1.8),
        ),
        "blow out candles": once(
            (pose(lean=10, arms=(20, 10), forearms=(60, -10)), 0.6),
            (pose(lean=48, arms=(20, 10), forearms=(60, -10)), 0.6),
            rest=0.6,
        ),
    }
    return actions
