"""Views are linear isometries with exact inverses, for every view there is and at every size there is."""

from __future__ import annotations

import pytest
import torch
from oracles import F64, tape
from torch import Tensor

from noisewalk import UserError
from noisewalk.guidance import VIEWS, Map, View, check_isometry, gaussian_blur, get_view

each_view = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
each_size = pytest.mark.parametrize("size", [28, 32, 64, 9])  # 9: an odd side has no middle to swap about


def matrix(view: Map, size: int) -> Tensor:
    """What a view does, as a matrix: its columns are what it makes of each single pixel."""
    pixels = torch.eye(size * size, dtype=F64).view(-1, 1, size, size)
    return view(pixels).flatten(1).T


def pictures(size: int) -> Tensor:
    return tape(size)(torch.empty(2, 3, size, size))


@each_view
@each_size
def test_the_inverse_is_exact(view: View, size: int) -> None:
    """Bit for bit: a walk goes through a view and back at every step."""
    x = pictures(size)
    assert torch.equal(view.inverse(view.forward(x)), x)
    assert torch.equal(view.forward(view.inverse(x)), x)


@each_view
@each_size
def test_the_inverse_is_the_transpose(view: View, size: int) -> None:
    """Pitfall 25: A A^T = I. Autograd multiplies by the transpose of a linear map; for an isometry that is the inverse.
    Of two random pictures (Freivalds' check), so that it needs no 4096 x 4096 matrix."""
    x, seen = pictures(size).requires_grad_(), pictures(size).flip(0)
    (transposed,) = torch.autograd.grad(view.forward(x), x, seen)
    assert torch.equal(transposed, view.inverse(seen))


@each_view
def test_its_matrix_is_orthogonal(view: View) -> None:
    """Pitfall 25, the whole matrix at the size of the digits."""
    a = matrix(view.forward, 28)
    torch.testing.assert_close(a @ a.T, torch.eye(28 * 28, dtype=F64), rtol=0, atol=1e-12)


@each_view
@each_size
def test_the_norm_is_kept(view: View, size: int) -> None:
    """Of every picture and every channel, so standard noise stays standard noise."""
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
    """Pitfall 23: independent pixels of variance v, seen through A, have variance (A * A) v (squared entries); going back
    undoes exactly that. Negation, whose inverse of a variance would be negative, is the case in point."""
    size = 8
    squared = matrix(view.forward, size) ** 2
    variances = tape(0)(torch.empty(1, 1, size, size)).exp()
    seen = (squared @ variances.flatten()).view_as(variances)
    assert torch.equal(view.inverse_variance(seen), variances)


@each_view
def test_pictures_of_a_batch_and_colours_do_not_mix(view: View) -> None:
    x = pictures(8)
    seen = view.forward(x)
    for n in range(2):
        for c in range(3):
            assert torch.equal(view.forward(x[n : n + 1, c : c + 1]), seen[n : n + 1, c : c + 1])


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "identity"])
def test_a_view_shows_something_else(name: str) -> None:
    """A view that fails to do anything passes every law above."""
    assert not torch.equal(VIEWS[name].forward(pictures(8)), pictures(8))


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
    """Names mean what they say: rotations are anticlockwise, a horizontal flip swaps left and right."""
    assert VIEWS[name].forward(CORNERS).tolist() == [[seen]]


def test_the_inner_circle_turns_what_is_inside_and_leaves_what_is_outside() -> None:
    """x^2 + y^2 < r^2 on half-pixel centres, r half the side (Visual Anagrams' own circle)."""
    x = tape(0)(torch.empty(1, 1, 6, 6))
    seen = VIEWS["inner-circle"].forward(x)
    for row in range(6):
        for column in range(6):
            inside = (row - 2.5) ** 2 + (column - 2.5) ** 2 < 9
            assert seen[0, 0, row, column] == (x[0, 0, 5 - row, 5 - column] if inside else x[0, 0, row, column])


def test_the_skew_shifts_each_column_by_one_more() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    expected = [[x[0, 0, (row - column + 2) % 4, column].item() for column in range(4)] for row in range(4)]
    assert VIEWS["skew"].forward(x).tolist() == [[expected]]


# Views that are none


def turned_by_interpolation(x: Tensor) -> Tensor:
    """A rotation by 30 degrees with bilinear interpolation."""
    cos, sin = 3**0.5 / 2, 0.5
    grid = torch.nn.functional.affine_grid(torch.tensor([[[cos, -sin, 0], [sin, cos, 0]]]), [1, *x.shape[1:]], False)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False)


def swap_the_brighter(x: Tensor) -> Tensor:
    """Keeps the norm and undoes itself, but whether two pixels change places depends on what they are."""
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
    """Pitfall 25: Visual Anagrams keeps some of these as failures that teach why views must be orthogonal."""
    draws = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws)

    with pytest.raises(UserError, match=complaint):
        check_isometry(View("mine", forward, inverse, inverse), (3, 8, 8), draw)


@each_view
def test_every_view_passes_its_own_check(view: View) -> None:
    check_isometry(view, (3, 8, 8))


def test_an_unknown_view_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match="unknown view 'rotate18'; did you mean 'rotate180'"):
        get_view("rotate18")
