"""Readers of the training libraries' models; ``convert`` chooses by the model's type or file name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.converters.library_file import DUMPS, dumped
from l1forge.firmware.bdt.ensemble import Ensemble

SUPPORTED = (
    "scikit-learn, XGBoost, LightGBM or YDF model, XGBoost .json or .ubj, LightGBM .json or .txt, TMVA .xml"
)

DAMAGE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""What reading an entry of the wrong kind ends in."""


def convert(model: object) -> Ensemble:
    """Read a trained model, live or from a file.

    Parameters
    ----------
    model
        An estimator of scikit-learn, XGBoost, LightGBM or YDF, or the path of an XGBoost JSON model, of a
        LightGBM ``dump_model`` JSON, of a TMVA weight file, or of an ensemble kept by ``firmware.bdt.store``.

    Raises
    ------
    InputError
        If the model is of another kind, or holds something that a tree of comparisons cannot represent,
        or its file is damaged.
    """
    if isinstance(model, str | Path):
        try:
            return _convert_file(Path(model))
        except InputError:
            raise
        except DAMAGE as error:
            what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise InputError(f"is damaged: {what[:120]}", file=model) from error
    library = type(model).__module__.split(".")[0]
    if library == "sklearn":
        from l1forge.firmware.bdt.converters import scikit_learn as reader
    elif library == "xgboost":
        from l1forge.firmware.bdt.converters import xgboost_json as reader  # type: ignore[no-redef]
    elif library == "lightgbm":
        from l1forge.firmware.bdt.converters import lightgbm_dump as reader  # type: ignore[no-redef]
    elif library == "ydf":
        from l1forge.firmware.bdt.converters import yggdrasil as reader  # type: ignore[no-redef]
    else:
        raise InputError("cannot convert this", value=type(model).__name__, remedy=f"give a {SUPPORTED}")
    return reader.convert(model)


def _convert_file(path: Path) -> Ensemble:
    if path.suffix == ".xml":
        from l1forge.firmware.bdt.converters import tmva

        return tmva.read(path)
    if path.suffix == ".json":
        from l1forge.firmware.bdt import store
        from l1forge.firmware.bdt.converters import lightgbm_dump, xgboost_json
        from l1forge.firmware.bdt.converters.document import read_json

        document = read_json(path)
        if document.get("format") == store.FORMAT:
            return store.from_document(document, str(path))
        if "tree_info" in document:
            return lightgbm_dump.from_document(document, str(path))
        return xgboost_json.from_document(document, str(path))
    if path.suffix in DUMPS:
        from l1forge.firmware.bdt.converters import lightgbm_dump, xgboost_json

        own = xgboost_json.from_document if path.suffix == ".ubj" else lightgbm_dump.from_document
        return own(dumped(path), str(path))
    raise InputError("cannot convert this file", file=path, remedy=f"give a {SUPPORTED}")
