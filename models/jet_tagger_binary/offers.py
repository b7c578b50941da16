"""What the binary jet tagger offers."""

from l1forge.models.jet_tagger.offers import offers

MODEL = offers(
    "jet_tagger_binary",
    "Train the jet tagger 16-64-32-32-5: in float, then with weights and activations of -1, +1 (QKeras).",
)
