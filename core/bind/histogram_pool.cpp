// Native histograms of a query: the pool, and kernels on cells that refer to it.
#include "query/histogram_pool.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

#include "bind/cells.h"
#include "bind/histograms.h"
#include "bind/operands.h"
#include "query/histogram_functions.h"
#include "query/histogram_reduce.h"

using namespace narthex;

namespace {

PooledCells pooled(const CellsIn& in, const HistogramPool& pool, const Cells& out) {
    if (in.shape(0) != out.shape(0) || in.shape(1) != out.shape(1))
        throw nb::value_error("matrices differ in shape");
    return {in.data(), in.shape(0), in.shape(1), pool};
}

uint32_t* row_notes(const RowNotes& notes, size_t rows) {
    if (notes.shape(0) != rows) throw nb::value_error("notes need one entry a row");
    return notes.data();
}

void bind_functions(nb::module_& m) {
    m.def(
        "histogram_numbers",
        [](uint8_t what, CellsIn in, const HistogramPool& pool, QueryBudget& budget, Cells out) {
            if (what >= kHistogramNumbers) throw nb::value_error("no such number");
            PooledCells cells = pooled(in, pool, out);
            nb::gil_scoped_release release;
            histogram_numbers(static_cast<HistogramNumber>(what), cells, budget, out.data());
        },
        nb::arg("what"), nb::arg("cells"), nb::arg("pool"), nb::arg("budget"), nb::arg("out"));
    m.def(
        "native_quantiles",
        [](CellsIn in, const HistogramPool& pool, Column<double> q, QueryBudget& budget, Cells out,
           RowNotes notes) {
            PooledCells cells = pooled(in, pool, out);
            const double* quantiles = per_step(q, in.shape(1));
            uint32_t* told = row_notes(notes, in.shape(0));
            nb::gil_scoped_release release;
            native_quantiles(cells, quantiles, budget, out.data(), told);
        },
        nb::arg("cells"), nb::arg("pool"), nb::arg("q"), nb::arg("budget"), nb::arg("out"), nb::arg("notes"));
    m.def(
        "native_fractions",
        [](CellsIn in, const HistogramPool& pool, Column<double> lower, Column<double> upper,
           QueryBudget& budget, Cells out, RowNotes notes) {
            PooledCells cells = pooled(in, pool, out);
            const double* low = per_step(lower, in.shape(1));
            const double* high = per_step(upper, in.shape(1));
            uint32_t* told = row_notes(notes, in.shape(0));
            nb::gil_scoped_release release;
            native_fractions(cells, low, high, budget, out.data(), told);
        },
        nb::arg("cells"), nb::arg("pool"), nb::arg("lower"), nb::arg("upper"), nb::arg("budget"),
        nb::arg("out"), nb::arg("notes"));
}

void bind_operators(nb::module_& m) {
    m.def(
        "negate_histograms",
        [](CellsIn in, HistogramPool& pool, QueryBudget& budget, Cells out) {
            PooledCells cells = pooled(in, pool, out);
            nb::gil_scoped_release release;
            negate_histograms(cells, budget, pool, out.data());
        },
        nb::arg("cells"), nb::arg("pool"), nb::arg("budget"), nb::arg("out"));
    m.def(
        "combine_histograms",
        [](uint8_t op, uint8_t result, CellsIn left, std::optional<Column<int64_t>> left_rows,
           bool left_scalar, CellsIn right, std::optional<Column<int64_t>> right_rows, bool right_scalar,
           HistogramPool& pool, QueryBudget& budget, Cells out) {
            auto [o, r] = checked_operator(op, result);
            Operand a = operand(left, left_rows, left_scalar, out);
            Operand b = operand(right, right_rows, right_scalar, out);
            nb::gil_scoped_release release;
            return combine_histograms(o, r, a, b, out.shape(0), out.shape(1), pool, budget, out.data());
        },
        nb::arg("op"), nb::arg("result"), nb::arg("left"), nb::arg("left_rows").none(),
        nb::arg("left_scalar"), nb::arg("right"), nb::arg("right_rows").none(), nb::arg("right_scalar"),
        nb::arg("pool"), nb::arg("budget"), nb::arg("out"));
}

void bind_reductions(nb::module_& m) {
    m.def(
        "reduce_histograms",
        [](CellsIn in, Column<uint32_t> ids, bool mean, HistogramPool& pool, QueryBudget& budget, Cells out,
           RowNotes notes) {
            if (out.shape(1) != in.shape(1) || ids.shape(0) != in.shape(0))
                throw nb::value_error("cells, ids and output do not fit");
            GroupedCells cells{in.data(), in.shape(1), view(ids), out.shape(0)};
            uint32_t* told = row_notes(notes, in.shape(0));
            nb::gil_scoped_release release;
            return reduce_histograms(cells, mean, pool, budget, out.data(), told);
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("mean"), nb::arg("pool"), nb::arg("budget"), nb::arg("out"),
        nb::arg("notes"));
}

}  // namespace

void bind_histogram_pool(nb::module_& m) {
    m.attr("HISTOGRAM_MARK") = kHistogramMark;
    nb::class_<HistogramPool>(m, "HistogramPool")
        .def(nb::init<std::shared_ptr<QueryBudget>>(), nb::arg("budget"))
        .def("__len__", &HistogramPool::size)
        .def(
            "add", [](HistogramPool& pool, const FloatHistogram& h) { return pool.add(h.view()); },
            nb::arg("histogram"))
        .def(
            "value", [](const HistogramPool& pool, double cell) { return FloatHistogram(pool.value(cell)); },
            nb::arg("cell"))
        .def(
            "plain", [](const HistogramPool& pool, double cell) { return plain_histogram(pool.at(cell)); },
            nb::arg("cell"));
    m.def("is_histogram_cell", &is_histogram_cell, nb::arg("cell"));
    bind_functions(m);
    bind_operators(m);
    bind_reductions(m);
}
