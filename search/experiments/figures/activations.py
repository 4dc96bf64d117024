"""Figure 4: ReLU and CELU."""

from __future__ import annotations

from search.experiments.figures.canvas import ACCENT, INK, SOFT, Drawn, new_figure

__all__ = ["activations"]

ALPHA = 1.0  # of CELU, the report's rows


def activations() -> Drawn:
    """Both as the networks compute them, and their derivatives by autograd."""
    import torch
    from torch.nn import functional

    figure = new_figure(9, 3.8)
    values, slopes = figure.subplots(1, 2)
    for name, function, colour, style in (
        (f"CELU(x), α = {ALPHA:g}", lambda x: functional.celu(x, alpha=ALPHA), ACCENT, "-"),
        ("ReLU(x) = max(0, x)", functional.relu, INK, "--"),
    ):
        # Zero is left out: ReLU has no derivative there.
        for ends in ((-4.0, -1e-6), (1e-6, 4.0)):
            x = torch.linspace(*ends, 200).requires_grad_()
            y = function(x)
            [slope] = torch.autograd.grad(y.sum(), x)
            shown = name if ends[0] < 0 else None
            for axes, line in ((values, y), (slopes, slope)):
                axes.plot(
                    x.detach(),
                    line.detach(),
                    style,
                    color=colour,
                    linewidth=2.5 - 0.7 * (style == "--"),
                    label=shown,
                )
    values.plot([0], [0], "o", color=INK, label="the origin, on both")
    for axes, label in ((values, "activation"), (slopes, "its derivative")):
        axes.axhline(0, color=SOFT, linewidth=0.6)
        axes.axvline(0, color=SOFT, linewidth=0.6)
        axes.set_xlabel("x")
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    values.legend(frameon=False)
    return Drawn(
        number=4,
        title="ReLU and CELU",
        caption="ReLU is continuous at the origin, which the report denies: its limits from the "
        "left and from the right are 0, as is its value. What jumps there is its derivative, from "
        "0 to 1. CELU, max(0, x) + min(0, α(exp(x/α) - 1)), has the derivative 1 from both sides, "
        "whatever its α.",
        figure=figure,
    )
