"""How property tests run here."""

import hypothesis

# A busy machine is no failure; what must be fast is measured in benchmarks.
hypothesis.settings.register_profile("unit", deadline=None)
hypothesis.settings.load_profile("unit")
