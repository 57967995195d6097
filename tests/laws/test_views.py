"""All views are linear isometries with exact inverses, at all sizes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from oracles import F64, tape
from torch import Tensor

from noisewalk import UserError
from noisewalk.guidance import VIEWS, Map, View, as_view, check_isometry, gaussian_blur, get_view, register
from noisewalk.guidance.views import FAILURES, from_table
from noisewalk.guidance.views.jigsaw import jigsaw_cut

SHUFFLED = from_table("mine", torch.randperm(8 * 8, generator=torch.Generator().manual_seed(5)))
WITH_ARGUMENTS = (
    "inner-circle:radius=0.5",
    "skew:factor=2.5",
    "row-shear:factor=-3",
    "patch-permute:patches=7,seed=2",
    "square-hinge:squares=3",
    "polar-rings:rings=2",
    "rotate90+negate+jigsaw:1",
)
OTHERS = ("jigsaw:3", "patch-permute:1", "pixel-permute:2", "colour-permute:bgr", *WITH_ARGUMENTS)
EVERY = {**VIEWS, **{name: get_view(name) for name in OTHERS}}
each_view = pytest.mark.parametrize("view", EVERY.values(), ids=EVERY)
each_size = pytest.mark.parametrize("size", [28, 32, 64, 256, 9])  # 9: an odd side, whose middle stays


def matrix(view: Map, size: int, channels: int) -> Tensor:
    """Return a view as a matrix, whose columns are the results of the unit vectors."""
    pixels = torch.eye(channels * size * size, dtype=F64).view(-1, channels, size, size)
    return view(pixels).flatten(1).T


def pictures(size: int) -> Tensor:
    return tape(size)(torch.empty(2, 3, size, size))


@each_view
@each_size
def test_the_inverse_is_exact(view: View, size: int) -> None:
    """The inverse is exact bit for bit, because every step of a walk goes through a view and back."""
    x = pictures(size)
    assert torch.equal(view.inverse(view.forward(x)), x)
    assert torch.equal(view.forward(view.inverse(x)), x)


@each_view
@each_size
def test_the_inverse_is_the_transpose(view: View, size: int) -> None:
    """A A^T = I. Autograd multiplies by the transpose of a linear map; for an isometry that is the inverse.
    Of two random pictures (Freivalds' check), so that it needs no 4096 x 4096 matrix."""
    x, seen = pictures(size).requires_grad_(), pictures(size).flip(0)
    (transposed,) = torch.autograd.grad(view.forward(x), x, seen)
    assert torch.equal(transposed, view.inverse(seen))


@each_view
def test_its_matrix_is_orthogonal(view: View) -> None:
    """A A^T = I for the whole matrix, with all colours."""
    a = matrix(view.forward, 12, 3)
    torch.testing.assert_close(a @ a.T, torch.eye(len(a), dtype=F64), rtol=0, atol=1e-12)


@each_view
@each_size
def test_the_norm_is_kept(view: View, size: int) -> None:
    """It holds for every picture and every channel, so standard noise stays standard noise."""
    x = pictures(size)
    torch.testing.assert_close(view.forward(x).flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-14, atol=0)


@each_view
@each_size
def test_a_view_is_linear(view: View, size: int) -> None:
    x, y = pictures(size).unbind()
    x, y = x[None], y[None]
    torch.testing.assert_close(view.forward(3 * x - y), 3 * view.forward(x) - view.forward(y), rtol=0, atol=1e-12)


@each_view
def test_variances_go_back_the_way_pixels_came_but_stay_positive(view: View) -> None:
    """Independent pixels of variance v, seen through A, have variance (A * A) v (squared entries); going back
    undoes exactly that. Negation, whose inverse of a variance would be negative, is the case in point."""
    size = 8
    squared = matrix(view.forward, size, 3) ** 2
    variances = tape(0)(torch.empty(1, 3, size, size)).exp()
    seen = (squared @ variances.flatten()).view_as(variances)
    assert torch.equal(view.inverse_variance(seen), variances)


@each_view
def test_pictures_of_a_batch_and_colours_do_not_mix(view: View) -> None:
    x = pictures(8)
    seen = view.forward(x)
    if view.name.startswith("colour-permute"):
        assert torch.equal(view.forward(x[1:]), seen[1:])
        return
    for n in range(2):
        for c in range(3):
            assert torch.equal(view.forward(x[n : n + 1, c : c + 1]), seen[n : n + 1, c : c + 1])


@pytest.mark.parametrize("name", [name for name in EVERY if name != "identity"])
@pytest.mark.parametrize("size", [8, 28, 64])
def test_a_view_shows_something_else(name: str, size: int) -> None:
    """A view that does nothing passes every law above, so this is tested too."""
    assert not torch.equal(EVERY[name].forward(pictures(size)), pictures(size))


@pytest.mark.parametrize("name", WITH_ARGUMENTS)
def test_a_view_with_arguments_is_found_again_by_its_name(name: str) -> None:
    """The metadata of a picture holds the name alone."""
    view, x = get_view(name), pictures(28)
    assert view.name == name
    assert torch.equal(get_view(view.name).forward(x), view.forward(x))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("inner-circle:radius=1", "inner-circle"),
        ("skew:factor=1", "skew"),
        ("row-shear:factor=1", "row-shear"),
        ("patch-permute:patches=4,seed=0", "patch-permute"),
        ("pixel-permute:seed=5", "pixel-permute:5"),
        ("pixel-permute:side=28", "pixel-permute"),
        ("square-hinge:squares=4", "square-hinge"),
        ("polar-rings:rings=4", "polar-rings"),
        ("rotate90+rotate90", "rotate180"),
        ("skew:factor=2+skew:factor=-2", "identity"),
    ],
)
def test_names_that_say_the_same_are_the_same_view(name: str, same: str) -> None:
    x = pictures(28)
    assert torch.equal(get_view(name).forward(x), get_view(same).forward(x))


def test_composed_views_are_seen_through_in_their_order() -> None:
    x = pictures(8)
    assert torch.equal(get_view("rotate90+flip-vertical").forward(x), torch.rot90(x, 1, (2, 3)).flip(2))


def test_pixels_move_as_blocks_in_a_cascade_that_begins_at_another_side() -> None:
    """32 and 128 pixels, for example: a quarter of the second picture is a pixel of the first one."""
    x = pictures(32)
    view = get_view("pixel-permute:side=32,seed=4")

    def up(x: Tensor) -> Tensor:
        return x.repeat_interleave(4, 2).repeat_interleave(4, 3)

    assert torch.equal(view.forward(up(x)), up(view.forward(x)))
    assert torch.equal(view.forward(x), get_view("pixel-permute:4").forward(x))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("inner-circle:0.5", "unknown argument of the view 'inner-circle' '0.5'; Known: radius"),
        ("inner-circle:radius=0", "inner-circle:radius must be a number from 0.05 to 1; '0' was given"),
        ("inner-circle:radius=nan", "inner-circle:radius must be a number from 0.05 to 1; 'nan' was given"),
        ("patch-permute:patches=2.5", "patch-permute:patches must be a whole number from 2 to 256; '2.5' was given"),
        ("patch-permute:patch=2", "did you mean 'patches'"),
        ("jigsaw:x", "the view 'jigsaw:SEED' needs a whole number as its seed; 'x' was given"),
        ("rotate90+rotat90", "did you mean 'rotate90'"),
        ("+".join(["negate"] * 9), "at most 8 views can be composed; 9 were given"),
    ],
)
def test_an_argument_that_cannot_be_is_one_clear_line(name: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        get_view(name)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_pieces_must_fit_the_picture() -> None:
    with pytest.raises(UserError, match="a picture of 8x8 pixels cannot be cut into 9 pieces in a row"):
        get_view("patch-permute:patches=9").forward(pictures(8))
    with pytest.raises(UserError, match="pixel-permute:side=32 needs pictures whose side is a multiple of it"):
        get_view("pixel-permute:side=32").forward(pictures(28))


@pytest.mark.parametrize(
    "name",
    [
        "jigsaw",
        "jigsaw:3",
        "patch-permute",
        "patch-permute:patches=7,seed=1",
        "pixel-permute",
        "square-hinge",
        "square-hinge:squares=5",
        "polar-rings",
        "polar-rings:rings=3",
    ],
)
def test_stages_of_a_cascade_see_the_same(name: str) -> None:
    """At 256 pixels it is exactly the enlarged view of 64, or else the second stage would undo the first."""
    x, view = pictures(64), get_view(name)

    def up(x: Tensor) -> Tensor:
        return x.repeat_interleave(4, 2).repeat_interleave(4, 3)

    assert torch.equal(view.forward(up(x)), up(view.forward(x)))


@pytest.mark.parametrize("name", ["jigsaw", "patch-permute", "pixel-permute"])
def test_seeded_views_follow_their_seed(name: str) -> None:
    """The view is the same in every process, and another seed gives another view."""
    x = pictures(28)
    torch.manual_seed(torch.randint(10**6, ()).item())
    again = get_view(f"{name}:0").forward(x)
    assert torch.equal(again, get_view(name).forward(x))
    assert not torch.equal(again, get_view(f"{name}:1").forward(x))


def test_the_first_pixels_of_seed_0_are_written_down() -> None:
    """The tables may never change, so that old pictures replay."""
    ramp = torch.arange(64.0).view(1, 1, 8, 8)
    assert get_view("pixel-permute").forward(ramp).flatten()[:6].tolist() == [44, 46, 17, 3, 47, 21]
    assert get_view("jigsaw").forward(ramp).flatten()[::9].tolist() == [56, 49, 45, 36, 21, 28, 14, 7]


CORNERS = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("identity", [[1, 2], [3, 4]]),
        ("flip-horizontal", [[2, 1], [4, 3]]),
        ("flip-vertical", [[3, 4], [1, 2]]),
        ("rotate90", [[2, 4], [1, 3]]),
        ("rotate180", [[4, 3], [2, 1]]),
        ("rotate270", [[3, 1], [4, 2]]),
        ("negate", [[-1, -2], [-3, -4]]),
        ("block-swap", [[4, 3], [2, 1]]),
    ],
)
def test_what_a_view_shows(name: str, seen: list[list[float]]) -> None:
    """Rotations are anticlockwise, and a horizontal flip swaps left and right."""
    assert VIEWS[name].forward(CORNERS).tolist() == [[seen]]


def test_the_inner_circle_turns_what_is_inside_and_leaves_what_is_outside() -> None:
    """x^2 + y^2 < r^2 on half-pixel centres, r half the side (Visual Anagrams' own circle)."""
    x = tape(0)(torch.empty(1, 1, 6, 6))
    seen = VIEWS["inner-circle"].forward(x)
    for row in range(6):
        for column in range(6):
            inside = (row - 2.5) ** 2 + (column - 2.5) ** 2 < 9
            assert seen[0, 0, row, column] == (x[0, 0, 5 - row, 5 - column] if inside else x[0, 0, row, column])


def test_rings_turn_by_one_quarter_more_each() -> None:
    x = pictures(28)
    seen = VIEWS["polar-rings"].forward(x)
    for k, (row, column) in enumerate([(1, 13), (4, 13), (8, 13), (12, 13)], 1):
        assert torch.equal(seen[..., row, column], torch.rot90(x, k, (2, 3))[..., row, column])
    assert torch.equal(seen[..., 0, 0], x[..., 0, 0])


def test_hinged_squares_turn_opposite_ways() -> None:
    x = pictures(28)
    seen = VIEWS["square-hinge"].forward(x)
    assert torch.equal(seen[..., :7, :7], torch.rot90(x[..., :7, :7], 3, (2, 3)))
    assert torch.equal(seen[..., :7, 7:14], torch.rot90(x[..., :7, 7:14], 1, (2, 3)))


@pytest.mark.parametrize("size", [28, 32, 64, 256])
def test_jigsaw_pieces_interlock_and_all_move(size: int) -> None:
    """There are sixteen connected pieces with knobs, and the view moves every piece."""
    owner = jigsaw_cut(size).owner
    cell = size // 4
    square = torch.arange(size) // cell
    cells = square[:, None] * 4 + square[None, :]
    assert torch.equal(owner.unique(), torch.arange(16))
    assert ((owner != cells).float().mean() > 0.05).item()
    seen = get_view("jigsaw").forward(owner[None, None])[0, 0]
    for place in range(16):
        assert len(seen[owner == place].unique()) == 1  # the shapes fit: one piece fills one place
        assert seen[owner == place][0] != place


def test_a_table_moves_blocks_of_larger_pictures() -> None:
    x = pictures(8)
    assert torch.equal(SHUFFLED.inverse(SHUFFLED.forward(x)), x)
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(SHUFFLED.forward(large), SHUFFLED.forward(x).repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (
            lambda: SHUFFLED.forward(torch.zeros(1, 1, 28, 28)),
            "'mine' orders the pixels of 8x8 pictures; those of this model have 28x28",
        ),
        (lambda: from_table("t", torch.zeros(16)), "'t' is not a permutation; each of 0 to 15"),
        (lambda: from_table("t", torch.arange(12)), "orders 12 pixels, which do not make a square"),
        (lambda: VIEWS["jigsaw"].forward(torch.zeros(1, 1, 8, 9)), "'jigsaw' needs square pictures; these have 9x8"),
        (lambda: VIEWS["rotate90"].forward(torch.zeros(1, 1, 8, 9)), "quarter turn needs a square picture"),
        (lambda: VIEWS["colour-permute"].forward(torch.zeros(1, 1, 8, 8)), "needs pictures of 3 colours"),
        (lambda: get_view("colour-permute:rgx"), "'rgx' was given"),
        (lambda: get_view("jigsaw:-1"), "a whole number as its seed; '-1' was given"),
        (lambda: get_view("failure:blurr"), "did you mean 'blur'"),
        (lambda: register(VIEWS["skew"], "x") and register(Mirror(), "skew"), "there is a view 'skew' already"),
        (lambda: register(object()), "functions `forward` and `inverse`, but this object has no `forward`"),
        (lambda: as_view(partial(torch.flip, dims=[3])), "but this partial has no `forward`"),
        (lambda: check_isometry(OneWay(), (3, 8, 8)), "but this OneWay has no `inverse`"),
    ],
)
def test_views_that_do_not_fit_say_so(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        make()


def test_each_size_has_its_own_table_and_others_the_largest_that_fits() -> None:
    draw = torch.Generator().manual_seed(7)
    small, large = torch.randperm(4 * 4, generator=draw), torch.randperm(8 * 8, generator=draw)
    both = from_table("both", small, large)
    for side, table in ((4, small), (8, large), (12, small), (16, large)):
        x = torch.randn(2, 3, side, side, generator=draw)
        assert torch.equal(both.forward(x), from_table("one", table).forward(x))
        assert torch.equal(both.inverse(both.forward(x)), x)
    with pytest.raises(UserError, match="orders the pixels of 4x4 and 8x8 pictures; those of this model have 6x6"):
        both.forward(torch.zeros(1, 1, 6, 6))
    with pytest.raises(UserError, match="has two tables for pictures of 4x4"):
        from_table("twice", small, small.flip(0))


class OneWay:
    def forward(self, x: Tensor) -> Tensor:
        return x


class Mirror:
    """A user's own view: two methods."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(3)

    def inverse(self, x: Tensor) -> Tensor:
        return x.flip(3)


def test_a_view_of_ones_own_is_two_methods() -> None:
    check_isometry(Mirror(), (3, 8, 8))
    view = as_view(Mirror())
    x = pictures(8)
    assert view.name == "Mirror"
    assert torch.equal(view.forward(x), VIEWS["flip-horizontal"].forward(x))
    variance = view.inverse_variance(x)  # it does not say how variances move, so each picture's mean is used
    torch.testing.assert_close(variance, x.mean((1, 2, 3), keepdim=True).expand_as(x))


def test_the_skew_shifts_each_column_by_one_more() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    expected = [[x[0, 0, (row - column + 2) % 4, column].item() for column in range(4)] for row in range(4)]
    assert VIEWS["skew"].forward(x).tolist() == [[expected]]


# Maps that are not views


def turned_by_interpolation(x: Tensor) -> Tensor:
    """A rotation by 30 degrees with bilinear interpolation."""
    cos, sin = 3**0.5 / 2, 0.5
    grid = torch.nn.functional.affine_grid(torch.tensor([[[cos, -sin, 0], [sin, cos, 0]]]), [1, *x.shape[1:]], False)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False)


def swap_the_brighter(x: Tensor) -> Tensor:
    """It keeps the norm and undoes itself, but it is not linear, because it depends on the values."""
    return torch.where(x + x.flip(2) > 0, x.flip(2), x)


WARM = torch.tensor([1.0, 0.9, 1.1]).view(1, 3, 1, 1)


def permute_once(x: Tensor) -> Tensor:
    return x.flatten(1)[:, torch.randperm(x[0].numel(), generator=torch.Generator().manual_seed(0))].view_as(x)


@pytest.mark.parametrize(
    ("forward", "inverse", "complaint"),
    [
        (turned_by_interpolation, lambda x: x, "is not x"),
        (lambda x: gaussian_blur(x, 1.0, 5), lambda x: x, "is not x"),
        (lambda x: 1.01 * x, lambda x: x / 1.01, "changes the norm"),
        (lambda x: x * WARM, lambda x: x / WARM, "changes the norm"),
        (lambda x: x.flip(2), lambda x: x.flip(3), "is not x"),
        (permute_once, permute_once, "is not x"),
        (swap_the_brighter, swap_the_brighter, "not linear"),
        (lambda x: x[..., 1:], lambda x: x, "turns a picture"),
    ],
    ids=["bilinear rotation", "blur", "brightness", "white balance", "wrong way back", "permutation", "sorting", "crop"],
)
def test_what_is_no_isometry_is_refused(forward: Map, inverse: Map, complaint: str) -> None:
    """Visual Anagrams keeps some of these as failures that teach why views must be orthogonal."""
    draws = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws)

    with pytest.raises(UserError, match=complaint):
        check_isometry(View("mine", forward, inverse, inverse), (3, 8, 8), draw)


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("size", [28, 64])
def test_the_teaching_failures_fail(name: str, size: int) -> None:
    """They are refused, because standard noise seen through them does not have variance 1."""
    view = get_view(f"failure:{name}")
    with pytest.raises(UserError, match=f"failure:{name}"):
        check_isometry(view, (3, size, size))
    assert abs(view.forward(tape(0)(torch.empty(8, 3, size, size))).var() - 1) > 0.02


@each_view
def test_every_view_passes_its_own_check(view: View) -> None:
    check_isometry(view, (3, 8, 8))


def test_an_unknown_view_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match="unknown view 'rotate18'; did you mean 'rotate180'"):
        get_view("rotate18")
