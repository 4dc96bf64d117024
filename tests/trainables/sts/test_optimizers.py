import pytest
import torch

from trainables.sts.optimizers import Schedule, build_optimizer

TORCHS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}


@pytest.mark.parametrize("name", TORCHS)
def test_whole_tensors_move_as_in_torch(name):
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    theirs = ours.clone().requires_grad_()
    mine, reference = build_optimizer(name, {"w": ours}), TORCHS[name]([theirs], lr=0.01)
    for _ in range(5):
        theirs.grad = torch.randn(5, 3, generator=generator, dtype=torch.float64)
        reference.step()
        mine.steps += 1
        mine.update("w", theirs.grad, 0.01)
    torch.testing.assert_close(ours, theirs.detach())


@pytest.mark.parametrize("name", TORCHS)
def test_rows_move_as_whole_tensors_do_and_the_others_stay(name):
    table, dense = torch.ones(6, 2), torch.ones(2, 2)
    rows, gradient = torch.tensor([4, 1]), torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    of_rows, of_all = build_optimizer(name, {"table": table}), build_optimizer(name, {"w": dense})
    for _ in range(3):
        of_rows.steps += 1
        of_rows.update_rows("table", rows, gradient, 0.1)
        of_all.steps += 1
        of_all.update("w", gradient, 0.1)
    torch.testing.assert_close(table[rows], dense)
    assert (table[[0, 2, 3, 5]] == 1).all()
    assert all((moment[[0, 2, 3, 5]] == 0).all() for moment in of_rows.moments["table"])


def test_linear_goes_to_zero():
    schedule = Schedule(kind="linear")
    assert [schedule.factor_at(done) for done in (0, 0.25, 1)] == [1, 0.75, 0]


def test_plateau_is_torchs():
    # the last fall by less than the threshold
    errors = [1.0, 0.9, *[0.95] * 30, 0.8, *[0.8 * (1 - 4e-6 * i) for i in range(25)]]
    weight = torch.zeros(1, requires_grad=True)
    sgd = torch.optim.SGD([weight], lr=1.0)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        sgd, patience=Schedule.PATIENCE, factor=Schedule.REDUCTION
    )
    schedule = Schedule(kind="plateau")
    for error in errors:
        torchs.step(error)
        schedule.epoch_ended(error)
        assert schedule.factor_at(0.5) == pytest.approx(sgd.param_groups[0]["lr"])
    assert schedule.factor == pytest.approx(0.01)
