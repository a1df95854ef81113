"""The ways of writing a training down: at the top level, in functions, in a class, in ``main()``."""

import textwrap
from collections.abc import Callable
from string import Template

from tests.validity.recipe import FORWARD, Recipe

Style = Callable[[Recipe], tuple[str, ...]]
IN_A_CLASS = {
    "net": "self.net",
    "opt": "self.opt",
    "sched": "self.sched",
    "crit": "self.loss_fn",
    "train": "self.train_batches",
    "valid": "self.valid_batches",
}


def indented(text: str, levels: int = 1) -> str:
    """``text`` further in."""
    return textwrap.indent(text, "    " * levels)


def lines(*parts: str) -> str:
    """The parts that are not empty, one below the other."""
    return "\n".join(part for part in parts if part)


def forward(recipe: Recipe) -> str:
    """From a batch to its loss."""
    return f"$out = {recipe.loss.out}\n$loss = {recipe.loss.value}"


def update(recipe: Recipe) -> str:
    """What is done with a batch of training data."""
    written = []
    for line in recipe.optimiser.update.split("\n"):
        margin = line[: len(line) - len(line.lstrip())]
        written.append(textwrap.indent(forward(recipe), margin) if line.strip() == FORWARD else line)
    return lines(*written, recipe.optimiser.each_step)


def training(recipe: Recipe) -> str:
    """One epoch: the training side."""
    return lines(
        "$net.train()" if recipe.habits.train_mode else "",
        "$losses = []",
        recipe.data.train,
        indented(lines(update(recipe), "$losses.append($loss.item())")),
        recipe.optimiser.each_epoch,
    )


def validation(recipe: Recipe) -> str:
    """One epoch: the validation side."""
    counted = recipe.loss.right
    inside = lines(
        recipe.data.valid,
        indented(
            lines(
                forward(recipe),
                "$checked.append($loss.item())",
                f"right += {counted}\nseen += len($y)" if counted else "",
            )
        ),
    )
    return lines(
        "$net.eval()" if recipe.habits.eval_mode else "",
        "$checked = []",
        "right, seen = 0, 0" if counted else "",
        lines("with torch.no_grad():", indented(inside)) if recipe.habits.no_grad else inside,
    )


def setup(recipe: Recipe) -> str:
    """Loss and optimiser."""
    return lines(recipe.loss.make, recipe.optimiser.make)


def _mean(name: str) -> str:
    return f"sum({name}) / len({name})"


def _found(recipe: Recipe) -> str:
    """What validation gives back: a mean loss, and the accuracy if there is one."""
    return f"{_mean('$checked')}, right / seen" if recipe.loss.right else _mean("$checked")


def _said(recipe: Recipe) -> str:
    if isinstance(recipe.epochs, str) or recipe.epochs <= 30:
        return 'print(f"{$epoch}: {$log[-1]}")'
    return "if $epoch % 20 == 0:\n    print($epoch, $log[-1])"


def _epochs(recipe: Recipe) -> str:
    inside = lines(
        training(recipe),
        validation(recipe) if recipe.habits.validate else "",
        f"$log.append(({_mean('$losses')}, {_found(recipe)}))"
        if recipe.habits.validate
        else f"$log.append({_mean('$losses')})",
        _said(recipe),
    )
    return lines("$log = []", "for $epoch in range($epochs):", indented(inside))


def top(recipe: Recipe) -> tuple[str, ...]:
    """Everything at the top level."""
    return (recipe.net.make, lines(f"$epochs = {recipe.epochs}", setup(recipe)), _epochs(recipe))


def functions(recipe: Recipe) -> tuple[str, ...]:
    """A function for each side, which use what stands at the top level."""
    after = "$log.append((train_one_epoch(), validate_one_epoch()))"
    return (
        recipe.net.make,
        lines(f"$epochs = {recipe.epochs}", setup(recipe)),
        lines("def train_one_epoch():", indented(lines(training(recipe), f"return {_mean('$losses')}"))),
        lines("def validate_one_epoch():", indented(lines(validation(recipe), f"return {_found(recipe)}"))),
        lines("$log = []", "for $epoch in range($epochs):", indented(lines(after, _said(recipe)))),
    )


def arguments(recipe: Recipe) -> tuple[str, ...]:
    """A function for each side, which are handed all they use. Needs loaders."""
    one, other = "($net, $train, $opt, $crit)", "($net, $valid, $crit)"
    after = f"$log.append((train_epoch{one}, valid_epoch{other}))"
    return (
        lines(f"def train_epoch{one}:", indented(lines(training(recipe), f"return {_mean('$losses')}"))),
        lines(f"def valid_epoch{other}:", indented(lines(validation(recipe), f"return {_found(recipe)}"))),
        lines(recipe.net.make, setup(recipe)),
        lines(
            "$log = []",
            f"$epochs = {recipe.epochs}",
            "for $epoch in range($epochs):",
            indented(lines(after, _said(recipe))),
        ),
    )


def fit(recipe: Recipe) -> tuple[str, ...]:
    """One function that does it all and returns the curves."""
    inside = lines(setup(recipe), _epochs(recipe), "return $log")
    return (recipe.net.make, lines("def fit($net, $epochs):", indented(inside)), f"$log = fit($net, {recipe.epochs})")


def one_pass(recipe: Recipe) -> tuple[str, ...]:
    """One function for both sides. Needs loaders and a plain update."""
    train = lines(
        "if training:",
        indented(lines("$opt.zero_grad()", "$loss.backward()", "$opt.step()", recipe.optimiser.each_step)),
    )
    body = lines(forward(recipe), train, "total += $loss.item() * len($y)", "seen += len($y)")
    inside = lines(
        "$net.train(training)",
        "total, seen = 0.0, 0",
        "with torch.set_grad_enabled(training):",
        indented(lines("for $x, $y in batches:", indented(body))),
        "return total / seen",
    )
    each = lines("$log.append((run($train, True), run($valid, False)))", recipe.optimiser.each_epoch, _said(recipe))
    return (
        lines(recipe.net.make, f"$epochs = {recipe.epochs}", setup(recipe)),
        lines("def run(batches, training):", indented(inside)),
        lines("$log = []", "for $epoch in range($epochs):", indented(each)),
    )


def trainer(recipe: Recipe) -> tuple[str, ...]:
    """A class that holds the net and trains it."""
    given, passed = "self, net, $epochs", f"$net, {recipe.epochs}"
    start = "$net = net"
    if recipe.data.loaders:
        given, passed = f"{given}, train_batches, valid_batches", f"{passed}, $train, $valid"
        start = lines(start, "$train = train_batches", "$valid = valid_batches")
    run = lines(
        "for $epoch in range(self.n):",
        indented("self.curve.append((self.train_epoch(), self.evaluate()))"),
        "print(self.curve[-1])",
    )
    methods = "\n\n".join(
        (
            lines(
                f"def __init__({given}):", indented(lines("self.n = $epochs", start, setup(recipe), "self.curve = []"))
            ),
            lines("def train_epoch(self):", indented(lines(training(recipe), f"return {_mean('$losses')}"))),
            lines("def evaluate(self):", indented(lines(validation(recipe), f"return {_found(recipe)}"))),
            lines("def fit(self):", indented(run)),
        )
    )
    inside = Template(indented(methods)).safe_substitute(IN_A_CLASS)
    made = lines(f"trainer = Trainer({passed})", "trainer.fit()", "$log = trainer.curve")
    return (recipe.net.make, lines("class Trainer:", inside), made)


def in_main(recipe: Recipe) -> tuple[str, ...]:
    """Data, net and training in ``main()``."""
    whole = "\n\n".join((*recipe.data.cells, *top(recipe)))
    start = 'if __name__ == "__main__":\n    $log = main()'
    return (lines("def main():", indented(lines(whole, "return $log"))), start)


STYLES: dict[str, Style] = {
    "top": top,
    "functions": functions,
    "arguments": arguments,
    "fit": fit,
    "one-pass": one_pass,
    "trainer": trainer,
    "main": in_main,
}
