"""The anomaly scores of ``l1forge.firmware.hls.converters.score`` (nnet_score.h)."""

from __future__ import annotations

from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.activation_tables import bits_table
from l1forge.firmware.hls.translate.layers.registry import translator


@translator("square_sum")
def square_sum(builder: Builder, call: Call) -> None:
    source, result = call.arguments
    accum = builder.source.type("accum_t", config_of(builder, call)).fixed
    x = builder.value(source).node
    squares = builder.add("square", [x], x.shape, accum)
    kind = builder.declared(result).fixed
    builder.store(result, builder.add("sum", [squares], (1,), kind, builder.layer, accum=str(accum)))


@translator("twice_kl")
def twice_kl(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    mean_name, log_var_name, result, table_name = call.arguments
    accum = builder.source.type("accum_t", config).fixed
    mean, log_var = builder.value(mean_name).node, builder.value(log_var_name).node
    size = builder.source.integer(config, "table_size")
    table = builder.weight(table_name, "table_t", config, size)
    squares = builder.add("square", [mean], mean.shape, accum)
    terms = bits_table(builder, log_var, accum, table)
    parts = builder.add("concatenate", [squares, terms], (mean.size + log_var.size,), accum, axis=0)
    kind = builder.declared(result).fixed
    builder.store(result, builder.add("sum", [parts], (1,), kind, builder.layer, accum=str(accum)))
