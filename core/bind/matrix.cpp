// Kernels on whole matrices: elementwise functions, operators, aggregations by column, merging of rows.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "bind/arrays.h"
#include "bind/cells.h"
#include "bind/module.h"
#include "bind/operands.h"
#include "query/classic_histogram.h"
#include "query/columns.h"
#include "query/elementwise.h"
#include "query/rows.h"

using namespace narthex;

namespace {

void same_shape(const CellsIn& in, const Cells& out) {
    if (in.shape(0) != out.shape(0) || in.shape(1) != out.shape(1))
        throw nb::value_error("matrices differ in shape");
}

std::span<const uint32_t> row_ids(const CellsIn& cells, const Column<uint32_t>& ids) {
    if (ids.shape(0) != cells.shape(0)) throw nb::value_error("one id a row is needed");
    return view(ids);
}

GroupedCells grouped(const CellsIn& cells, const Column<uint32_t>& ids, size_t groups) {
    return {cells.data(), cells.shape(1), row_ids(cells, ids), groups};
}

void needs_rows(const Cells& out, size_t rows, size_t steps) {
    if (out.shape(0) != rows || out.shape(1) != steps)
        throw nb::value_error("the output has the wrong shape");
}

void bind_elementwise(nb::module_& m) {
    m.def(
        "map_cells",
        [](uint8_t op, CellsIn in, Cells out) {
            if (op >= kUnaryOps) throw nb::value_error("no such operation");
            same_shape(in, out);
            nb::gil_scoped_release release;
            map_cells(static_cast<UnaryOp>(op), in.data(), in.size(), out.data());
        },
        nb::arg("op"), nb::arg("cells"), nb::arg("out"));
    m.def(
        "round_cells",
        [](CellsIn in, Column<double> to, Cells out) {
            same_shape(in, out);
            const double* nearest = per_step(to, in.shape(1));
            nb::gil_scoped_release release;
            round_cells(in.data(), in.shape(0), in.shape(1), nearest, out.data());
        },
        nb::arg("cells"), nb::arg("to"), nb::arg("out"));
    m.def(
        "clamp_cells",
        [](CellsIn in, Column<double> low, Column<double> high, Cells out) {
            same_shape(in, out);
            const double* least = per_step(low, in.shape(1));
            const double* greatest = per_step(high, in.shape(1));
            nb::gil_scoped_release release;
            clamp_cells(in.data(), in.shape(0), in.shape(1), least, greatest, out.data());
        },
        nb::arg("cells"), nb::arg("low"), nb::arg("high"), nb::arg("out"));
    m.def(
        "combine_cells",
        [](uint8_t op, uint8_t result, CellsIn left, std::optional<Column<int64_t>> left_rows,
           bool left_scalar, CellsIn right, std::optional<Column<int64_t>> right_rows, bool right_scalar,
           Cells out) {
            auto [o, r] = checked_operator(op, result);
            Operand a = operand(left, left_rows, left_scalar, out);
            Operand b = operand(right, right_rows, right_scalar, out);
            nb::gil_scoped_release release;
            combine_cells(o, r, a, b, out.shape(0), out.shape(1), out.data());
        },
        nb::arg("op"), nb::arg("result"), nb::arg("left"), nb::arg("left_rows").none(),
        nb::arg("left_scalar"), nb::arg("right"), nb::arg("right_rows").none(), nb::arg("right_scalar"),
        nb::arg("out"));
}

void bind_columns(nb::module_& m) {
    m.def(
        "quantile_columns",
        [](CellsIn in, Column<uint32_t> ids, size_t groups, Column<double> q, QueryBudget& budget,
           Cells out) {
            needs_rows(out, groups, in.shape(1));
            const double* quantiles = per_step(q, in.shape(1));
            GroupedCells cells = grouped(in, ids, groups);
            nb::gil_scoped_release release;
            quantile_columns(cells, quantiles, budget, out.data());
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("groups"), nb::arg("q"), nb::arg("budget"), nb::arg("out"));
    m.def(
        "extreme_columns",
        [](CellsIn in, Column<uint32_t> ids, size_t groups, Column<int64_t> keep, bool greatest,
           QueryBudget& budget, Cells out) {
            same_shape(in, out);
            const int64_t* counts = per_step(keep, in.shape(1));
            GroupedCells cells = grouped(in, ids, groups);
            nb::gil_scoped_release release;
            extreme_columns(cells, counts, greatest, budget, out.data());
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("groups"), nb::arg("keep"), nb::arg("greatest"),
        nb::arg("budget"), nb::arg("out"));
    m.def(
        "first_columns",
        [](CellsIn in, Column<uint32_t> ids, size_t groups, Column<int64_t> keep, Cells out) {
            same_shape(in, out);
            first_columns(grouped(in, ids, groups), per_step(keep, in.shape(1)), out.data());
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("groups"), nb::arg("keep"), nb::arg("out"));
    m.def(
        "ratio_columns",
        [](CellsIn in, Column<double> offsets, Column<double> ratio, Cells out) {
            same_shape(in, out);
            if (offsets.shape(0) != in.shape(0)) throw nb::value_error("one offset a row is needed");
            std::vector<uint32_t> one(in.shape(0), 0);
            ratio_columns({in.data(), in.shape(1), one, 1}, offsets.data(), per_step(ratio, in.shape(1)),
                          out.data());
        },
        nb::arg("cells"), nb::arg("offsets"), nb::arg("ratio"), nb::arg("out"));
    m.def(
        "count_values",
        [](CellsIn in, Column<uint32_t> ids, size_t groups, const HistogramPool& pool, QueryBudget& budget) {
            ValueCounts counts;
            {
                GroupedCells cells = grouped(in, ids, groups);
                nb::gil_scoped_release release;
                counts = count_values(cells, pool, budget);
            }
            auto text = std::move(counts.text);
            return nb::make_tuple(to_numpy(std::move(counts.group)), std::move(text),
                                  to_numpy(std::move(counts.cells)));
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("groups"), nb::arg("pool"), nb::arg("budget"));
}

void bind_histograms(nb::module_& m) {
    m.def(
        "histogram_quantile",
        [](CellsIn in, Column<uint32_t> ids, size_t groups, Column<double> bounds, Column<double> q,
           QueryBudget& budget, Cells out) {
            needs_rows(out, groups, in.shape(1));
            const double* quantiles = per_step(q, in.shape(1));
            if (bounds.shape(0) != in.shape(0)) throw nb::value_error("one bound a row is needed");
            std::vector<Repair> repairs;
            {
                GroupedCells cells = grouped(in, ids, groups);
                nb::gil_scoped_release release;
                repairs = histogram_quantile(cells, bounds.data(), quantiles, budget, out.data());
            }
            std::vector<std::tuple<size_t, uint64_t, size_t, size_t, double, double, double>> repaired;
            for (size_t g = 0; g < repairs.size(); ++g) {
                const Repair& r = repairs[g];
                if (r.steps > 0)
                    repaired.emplace_back(g, r.steps, r.first_step, r.last_step, r.least_bound,
                                          r.greatest_bound, r.greatest_fall);
            }
            return repaired;
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("groups"), nb::arg("bounds"), nb::arg("q"),
        nb::arg("budget"), nb::arg("out"));
    m.def(
        "histogram_fraction",
        [](CellsIn in, Column<uint32_t> ids, size_t groups, Column<double> bounds, Column<double> lower,
           Column<double> upper, QueryBudget& budget, Cells out) {
            needs_rows(out, groups, in.shape(1));
            const double* low = per_step(lower, in.shape(1));
            const double* high = per_step(upper, in.shape(1));
            if (bounds.shape(0) != in.shape(0)) throw nb::value_error("one bound a row is needed");
            GroupedCells cells = grouped(in, ids, groups);
            nb::gil_scoped_release release;
            histogram_fraction(cells, bounds.data(), low, high, budget, out.data());
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("groups"), nb::arg("bounds"), nb::arg("lower"),
        nb::arg("upper"), nb::arg("budget"), nb::arg("out"));
}

void bind_rows(nb::module_& m) {
    m.def(
        "find_collision",
        [](CellsIn cells, Column<uint32_t> ids,
           size_t count) -> std::optional<std::tuple<size_t, size_t, size_t>> {
            auto hit = find_collision(cells.data(), cells.shape(1), row_ids(cells, ids), count);
            if (!hit) return {};
            return std::tuple{hit->first, hit->second, hit->step};
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("count"));
    m.def(
        "merge_cells",
        [](CellsIn cells, Column<uint32_t> ids, Cells out) {
            needs_rows(out, out.shape(0), cells.shape(1));
            merge_cells(cells.data(), cells.shape(1), row_ids(cells, ids), out.shape(0), out.data());
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("out"));
    m.def(
        "mark_presence",
        [](CellsIn cells, Column<uint32_t> ids, Flags out) {
            if (out.shape(1) != cells.shape(1)) throw nb::value_error("the output has the wrong shape");
            mark_presence(cells.data(), cells.shape(1), row_ids(cells, ids), out.shape(0), out.data());
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("out"));
    m.def(
        "mask_cells",
        [](CellsIn cells, Column<uint32_t> ids, FlagsIn presence, bool wanted, Cells out) {
            same_shape(cells, out);
            if (presence.shape(1) != cells.shape(1)) throw nb::value_error("presence has the wrong shape");
            mask_cells(cells.data(), cells.shape(1), row_ids(cells, ids), presence.data(), presence.shape(0),
                       wanted, out.data());
        },
        nb::arg("cells"), nb::arg("ids"), nb::arg("presence"), nb::arg("wanted"), nb::arg("out"));
    m.def(
        "rows_with_values",
        [](CellsIn cells) {
            return to_numpy(rows_with_values(cells.data(), cells.shape(0), cells.shape(1)));
        },
        nb::arg("cells"));
}

}  // namespace

void bind_matrix(nb::module_& m) {
    bind_elementwise(m);
    bind_columns(m);
    bind_histograms(m);
    bind_rows(m);
}
