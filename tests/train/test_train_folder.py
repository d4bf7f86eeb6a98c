"""The run folder: whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from graphrun.errors import RunError
from graphrun.train import run_folder
from graphrun.train.run_folder import params_bytes, read_params, write_run


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_run_is_written(tmp_path: Path) -> None:
    out = write_run(tmp_path / "outputs" / "ann", {"ledger.md": "∂J", "params.safetensors": b"\x00"}, {"name": "ann", "steps": 3})
    assert contents(out) == {
        "ledger.md": "∂J".encode(),
        "params.safetensors": b"\x00",
        "run.json": b'{\n  "name": "ann",\n  "steps": 3\n}\n',
    }
    assert os.listdir(out.parent) == ["ann"]
    assert out.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_run_replaces_an_older_one_whole(tmp_path: Path) -> None:
    write_run(tmp_path / "ann", {"old.md": "old", "both.md": "old"}, {})
    write_run(tmp_path / "ann", {"both.md": "new"}, {})
    assert contents(tmp_path / "ann") == {"both.md": b"new", "run.json": b"{}\n"}
    assert os.listdir(tmp_path) == ["ann"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    assert contents(write_run(tmp_path / "ann", {"a": "b"}, {})) == {"a": b"b", "run.json": b"{}\n"}


def test_what_is_not_a_run_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(RunError) as error:
        write_run(tmp_path / "thesis", {"a": "b"}, {})
    assert str(error.value) == (
        f"error disk: {tmp_path}/thesis holds other files, and is not the folder of a run\n   help: choose another folder with --out DIR"
    )
    assert contents(tmp_path / "thesis") == {"chapter.tex": b"years of work"}
    with pytest.raises(RunError, match="is not a folder"):
        write_run(tmp_path / "thesis" / "chapter.tex", {"a": "b"}, {})


@pytest.mark.parametrize("when", ["writing", "renaming"])
def test_a_full_disk_leaves_the_older_run_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    write_run(tmp_path / "ann", {"a": "old"}, {})
    rename = os.rename

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    def second_fails(source: Any, target: Any) -> None:
        if Path(target) == tmp_path / "ann" and Path(source).name != "run":
            full()
        rename(source, target)

    if when == "writing":
        monkeypatch.setattr(run_folder, "_write", full)
    else:
        monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(RunError) as error:
        write_run(tmp_path / "ann", {"a": "new"}, {})
    assert str(error.value) == (
        f"error disk: the run cannot be written to {tmp_path}/ann: No space left on device\n"
        "   help: free some space, or choose another folder with --out DIR"
    )
    assert error.value.exit_status == 3
    assert contents(tmp_path / "ann") == {"a": b"old", "run.json": b"{}\n"}
    assert os.listdir(tmp_path) == ["ann"]


def test_parameters_keep_names_shapes_and_dtypes(tmp_path: Path) -> None:
    params = {"w": np.array(1.5), "h.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T}
    file = tmp_path / "p.safetensors"
    file.write_bytes(params_bytes(params, {"spec": "ann", "graphrun": "1"}))
    back = read_params(file)
    for name, value in params.items():
        assert (back[name].shape, back[name].dtype) == (value.shape, value.dtype)
        np.testing.assert_array_equal(back[name], value)
    with safe_open(file, "np") as opened:
        assert opened.metadata() == {"spec": "ann", "graphrun": "1"}


def test_a_file_that_is_no_safetensors_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.safetensors").write_bytes(b"{}")
    with pytest.raises(RunError, match=r"p\.safetensors cannot be read as safetensors"):
        read_params(tmp_path / "p.safetensors")


def test_the_manifest_is_json(tmp_path: Path) -> None:
    out = write_run(tmp_path / "r", {}, {"statistics": {"x.mean": [1.5]}, "name": "é"})
    assert json.loads((out / "run.json").read_text(encoding="utf-8")) == {"statistics": {"x.mean": [1.5]}, "name": "é"}
