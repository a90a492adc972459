// The compiled module `narthex.native._core`. Each part of the core has one bind/*.cpp that registers its
// names.
#pragma once

#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_agent(nb::module_& m);
void bind_analysis(nb::module_& m);
void bind_block(nb::module_& m);
void bind_block_write(nb::module_& m);
void bind_dump(nb::module_& m);
void bind_float_histogram(nb::module_& m);
void bind_head(nb::module_& m);
void bind_histogram_batch(nb::module_& m);
void bind_histogram_pool(nb::module_& m);
void bind_json(nb::module_& m);
void bind_label_ops(nb::module_& m);
void bind_label_texts(nb::module_& m);
void bind_labels(nb::module_& m);
void bind_matrix(nb::module_& m);
void bind_otlp(nb::module_& m);
void bind_outbox(nb::module_& m);
void bind_query(nb::module_& m);
void bind_remote(nb::module_& m);
void bind_read_intake(nb::module_& m);
void bind_series(nb::module_& m);
void bind_text(nb::module_& m);
void bind_wal(nb::module_& m);
