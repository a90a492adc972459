#include "bind/module.h"

#include "bytes/error.h"

NB_MODULE(_core, m) {
    nb::exception<narthex::DecodeError>(m, "DecodeError", PyExc_ValueError);
    nb::exception<narthex::LimitError>(m, "LimitError", PyExc_RuntimeError);
    nb::exception<narthex::CanceledError>(m, "CanceledError", PyExc_RuntimeError);
    bind_agent(m);
    bind_analysis(m);
    bind_block(m);
    bind_block_write(m);
    bind_labels(m);
    bind_label_ops(m);
    bind_label_texts(m);
    bind_query(m);
    bind_histogram_pool(m);
    bind_matrix(m);
    bind_json(m);
    bind_float_histogram(m);
    bind_histogram_batch(m);
    bind_series(m);
    bind_text(m);
    bind_remote(m);
    bind_dump(m);
    bind_head(m);
    bind_outbox(m);
    bind_read_intake(m);
    bind_wal(m);
    bind_otlp(m);
}
