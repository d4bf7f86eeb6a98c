"""Writes docs/operations.md, models.md, diagnostics.md, graphrun.schema.json, the lessons and docs/images from the code: `make docs`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from graphrun.build.shipped import KINDS, definitions
from graphrun.codes import catalogue
from graphrun.ir.opdef import OpDef
from graphrun.model import load
from graphrun.ops.registry import FAMILIES
from graphrun.spec.schema import json_schema

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lessons import lessons  # noqa: E402  (a file beside this one, wherever this is called from)

HEADS = {"transforms": "Transforms of data"}
FORMS = {  # family → (call, what it computes) of what is made of several operations
    "products and matrices": (
        (
            "einsum('ij,jk->ik', a, b)",
            "`Σ a b`: Products along axes of one letter, summed over the letters that the result lacks (torch.einsum).",
        ),
        ("qr(x, mode='reduced')", "`x = Q R`: The list [Q, R] of the orthonormal and the upper triangular factor (torch.linalg.qr)."),
    ),
    "shapes": (("slice(x, axis=0, start=none, end=none, step=1)", "A stretch of one axis, as `x[start:end:step]` for the first."),),
    "indexing": (
        (
            "sort(x, axis=-1, descending=false, stable=false)",
            "The list of the elements in order and of their places; equal ones keep theirs, `stable` or not (torch.sort).",
        ),
        (
            "topk(x, k, axis=-1, largest=true, sorted=true)",
            "The list of the k largest elements, or smallest, and of their places; in order, `sorted` or not (torch.topk).",
        ),
        ("split(x, split_size_or_sections, axis=0)", "The list of the pieces of x, of one size or of the sizes in a list (torch.split)."),
    ),
}
NOTES = {
    "random values": "As the `init` of a parameter without the shape: `init: normal(0, 0.1)`. In formulas `normal`, `uniform`, `bernoulli` "
    "and `dropout`.\n\n",
}
MADE = "<!-- made from the code by `make docs` -->\n\n"


def diagnostics() -> str:
    """What each code means."""
    parts = [MADE, "# Diagnostics\n\nWhat each code of an error or a warning means, and how it is mended.\n"]
    for code, text in catalogue().items():
        parts.append(f"\n## {code}\n\n{_paragraphs(text)}\n")
    return "".join(parts)


def _paragraphs(docstring: str) -> str:
    """A docstring as Markdown: lines keep apart where the text was broken for meaning (each of ours is a sentence or more)."""
    lines = [line.strip() for line in docstring.strip().splitlines()]
    return "\n".join(line if not line or k + 1 == len(lines) or not lines[k + 1] else f"{line}  " for k, line in enumerate(lines))


def operations() -> str:
    """What a formula can call."""
    parts = [
        MADE,
        "# Operations and library\n\n",
        "What a formula can call. Arrays come first, then attributes, by position or by name; names and defaults are PyTorch's where it\n",
        "has the operation, `axis` and `keepdims` are NumPy's. Derivatives are by each operand in turn.\n",
    ]
    for family, ops in FAMILIES.items():
        public = [op for op in ops if op.public]
        if public:
            parts.append(f"\n## {family.capitalize()}\n\n{NOTES.get(family, '')}| call | computes | derivative |\n|---|---|---|\n")
            parts += [_row(op) for op in public]
            parts += [f"| `{call}` | {_cell(text)} |  |\n" for call, text in FORMS.get(family, ())]
    parts.append(
        "\n# Library\n\nWritten in the spec language; `graphrun show --library NAME` prints a definition, "
        "to be copied into a spec and changed.\n"
    )
    for stem, kind in KINDS.items():
        parts.append(f"\n## {HEADS.get(stem, stem.capitalize())}\n\n| call | computes |\n|---|---|\n")
        parts += [f"| `{_cell(d.call)}` | {_cell(d.about)} |\n" for d in definitions() if d.kind == kind and not d.name.startswith("_")]
    return "".join(parts)


# Folder of specs → heading, what stands below it, and the command that shows such a spec best.
GALLERY = {
    "models": (
        "Models",
        "Each holds, in its `expect`, shapes, the number of parameters and the numbers of steps that PyTorch makes of the same model;\n"
        "`graphrun test specs/models` measures them all.",
        "train",
    ),
    "second_order": ("Derivatives of derivatives", "`grad(J, w)` stands in their formulas, and is differentiated again.", "train"),
    "published": (
        "Worked examples from books, courses and papers",
        "The printed numbers stand in `expect`, with their source and a note where the publication rounds or errs.",
        "grad",
    ),
    "": ("First examples", "The tutorial and the lessons go through these.", "train"),
}


def models() -> str:
    """The specs that ship, a line each."""
    parts = [
        MADE,
        "# Models\n\nThe specs that ship. `graphrun show SPEC` tells a spec's layers, parameters and cost, "
        "`graphrun render SPEC --view layers -o FILE.svg` draws it,\n"
        "`graphrun grad SPEC -o FILE.html` works out its gradients step by step. Pictures of some are in the [gallery](gallery.md).\n",
    ]
    for folder, (head, text, command) in GALLERY.items():
        parts.append(f"\n## {head}\n\n{text}\n\n| spec | what it is | parameters | try it |\n|---|---|---:|---|\n")
        for path in sorted((HERE.parent / "specs" / folder).glob("*.yaml")):
            model = load(path)
            spec = path.relative_to(HERE.parent).as_posix()
            verb = command if model.spec.model.train is not None else "grad" if model.spec.model.loss is not None else "run"
            verb = "grad" if command == "grad" else verb
            count = sum(int(value.size) for value in model.params.values())
            about = _cell(" ".join((model.spec.model.about or "").split()))
            parts.append(f"| [{model.spec.name}](../{spec}) | {about} | {count:,} | `graphrun {verb} {spec}` |\n")
    return "".join(parts)


def _row(op: OpDef) -> str:
    call = _cell(f"`{op.signature}`")
    derivatives = ", ".join(f"`{_cell(d)}`" for d in op.derivatives)
    formula = f"`{_cell(op.formula)}`: " if op.formula and op.formula != op.name else ""
    return f"| {call} | {formula}{_cell(' '.join(op.doc.split()))} | {derivatives} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def pages() -> dict[Path, bytes]:
    """What this script makes, by file."""
    return {
        HERE / "operations.md": operations().encode(),
        HERE / "models.md": models().encode(),
        HERE / "diagnostics.md": diagnostics().encode(),
        HERE / "graphrun.schema.json": (json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n").encode(),
        HERE / "images" / "neuron.svg": load(HERE.parent / "specs" / "neuron.yaml").draw("svg", "steps"),
        **lessons(),
    }


def main() -> int:
    """Writes all pages."""
    for path, content in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sys.stdout.write(f"wrote {path.relative_to(HERE.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
