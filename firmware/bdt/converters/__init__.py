"""Readers of the training libraries' models; ``convert`` chooses by the model's type or file name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emulator.errors import InputError
from firmware.bdt.ensemble import Ensemble

SUPPORTED = (
    "scikit-learn, XGBoost, LightGBM or YDF model, XGBoost .json or .ubj, LightGBM .json or .txt, TMVA .xml"
)


def convert(model: Any) -> Ensemble:
    """Read a trained model, live or from a file.

    Parameters
    ----------
    model
        An estimator of scikit-learn, XGBoost, LightGBM or YDF, or the path of an XGBoost JSON model, of a
        LightGBM ``dump_model`` JSON, of a TMVA weight file, or of an ensemble kept by ``firmware.bdt.store``.

    Raises
    ------
    InputError
        If the model is of another kind, or holds something that a tree of comparisons cannot represent.
    """
    if isinstance(model, str | Path):
        return _convert_file(Path(model))
    library = type(model).__module__.split(".")[0]
    if library == "sklearn":
        from firmware.bdt.converters import scikit_learn as reader
    elif library == "xgboost":
        from firmware.bdt.converters import xgboost_json as reader  # type: ignore[no-redef]
    elif library == "lightgbm":
        from firmware.bdt.converters import lightgbm_dump as reader  # type: ignore[no-redef]
    elif library == "ydf":
        from firmware.bdt.converters import yggdrasil as reader  # type: ignore[no-redef]
    else:
        raise InputError("cannot convert this", value=type(model).__name__, remedy=f"give a {SUPPORTED}")
    return reader.convert(model)


def _convert_file(path: Path) -> Ensemble:
    if path.suffix == ".xml":
        from firmware.bdt.converters import tmva

        return tmva.read(path)
    if path.suffix == ".json":
        from firmware.bdt import store
        from firmware.bdt.converters import lightgbm_dump, xgboost_json
        from firmware.bdt.converters.document import read_json

        document = read_json(path)
        if document.get("format") == store.FORMAT:
            return store.from_document(document, str(path))
        if "tree_info" in document:
            return lightgbm_dump.from_document(document, str(path))
        return xgboost_json.from_document(document, str(path))
    if path.suffix in (".ubj", ".txt"):
        return convert(_load_with_library(path))
    raise InputError("cannot convert this file", file=path, remedy=f"give a {SUPPORTED}")


def _load_with_library(path: Path) -> Any:
    """XGBoost's binary JSON and LightGBM's text are read by the libraries themselves."""
    if not path.is_file():
        raise InputError("cannot read model: no such file", file=path)
    try:
        if path.suffix == ".ubj":
            import xgboost

            return xgboost.Booster(model_file=str(path))
        import lightgbm

        return lightgbm.Booster(model_file=str(path))
    except ImportError as error:
        raise InputError(
            f"needs the library that wrote it: {error}", file=path, remedy="pip install 'l1forge[train]'"
        ) from error
    except Exception as error:  # each library has its own kind for a damaged file
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"library cannot read it: {first[:120]}", file=path) from error
