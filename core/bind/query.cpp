#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>

#include "bind/arrays.h"
#include "bind/cells.h"
#include "bind/module.h"
#include "query/extended.h"
#include "query/histogram_pool.h"
#include "query/raw_samples.h"
#include "query/select.h"

using namespace narthex;

namespace {

// A source and the Python object that owns its memory.
struct Source {
    SampleSource source;
    nb::object owner;
};

template <typename Op>
Op checked_op(uint8_t op, uint8_t count) {
    if (op >= count) throw nb::value_error("no such operation");
    return static_cast<Op>(op);
}

StepGrid checked_grid(int64_t start, int64_t step, size_t count) {
    constexpr int64_t kLimit = int64_t{1} << 61;
    bool fits = start > -kLimit && start < kLimit && step >= 0;
    if (fits && count > 0 && step > 0)
        fits = static_cast<uint64_t>(kLimit) / static_cast<uint64_t>(step) > count;
    if (!fits) throw nb::value_error("steps out of range");
    return {start, step, count};
}

RowTarget checked_target(const Source& source, RowRange rows, size_t steps, std::optional<Cells>& out,
                         Reducer* reducer, const std::optional<Column<uint32_t>>& groups) {
    if (rows.first > rows.last || rows.last > source.source.rows())
        throw nb::index_error("rows out of range");
    RowTarget target;
    if (reducer) {
        if (!groups || groups->shape(0) < rows.last || reducer->steps() != steps)
            throw nb::value_error("reducer and groups do not fit the rows");
        target.reducer = reducer;
        target.groups = view(*groups);
    } else {
        if (!out || out->shape(0) < rows.last || out->shape(1) != steps)
            throw nb::value_error("the output does not fit the rows");
        target.cells = out->data();
    }
    return target;
}

HistogramTarget checked_histograms(HistogramPool* pool, const std::optional<RowNotes>& notes, size_t rows) {
    if (!notes && !pool) return {};
    if (!notes || notes->shape(0) < rows) throw nb::value_error("notes need one entry a row");
    return {pool, notes->data()};
}

const double* parameter(const std::optional<Column<double>>& values, size_t steps) {
    if (!values) return nullptr;
    if (values->shape(0) != steps) throw nb::value_error("a parameter needs one value a step");
    return values->data();
}

// Milliseconds that a kernel subtracts from times: bounded so that no difference overflows.
int64_t checked_span(int64_t span) {
    if (span < 0 || span >= int64_t{1} << 60) throw nb::value_error("span out of range");
    return span;
}

void bind_extended(nb::module_& m) {
    m.def(
        "extended_rows",
        [](const Source& source, size_t first, size_t last, uint8_t op, int64_t start, int64_t step,
           size_t count, int64_t range, int64_t lookback, bool smoothed, QueryBudget& budget, Cells out,
           HistogramPool* pool, std::optional<RowNotes> notes) {
            ExtendedCall call{checked_op<RangeOp>(op, kRangeOps), checked_grid(start, step, count),
                              checked_span(range), checked_span(lookback), smoothed};
            std::optional<Cells> cells(out);
            RowTarget target = checked_target(source, {first, last}, count, cells, nullptr, std::nullopt);
            HistogramTarget histograms = checked_histograms(pool, notes, last);
            nb::gil_scoped_release release;
            extended_rows(source.source, {first, last}, call, target, budget, histograms);
        },
        nb::arg("source"), nb::arg("first"), nb::arg("last"), nb::arg("op"), nb::arg("start"),
        nb::arg("step"), nb::arg("count"), nb::arg("range"), nb::arg("lookback"), nb::arg("smoothed"),
        nb::arg("budget"), nb::arg("out"), nb::arg("pool") = nb::none(), nb::arg("notes") = nb::none());
    m.def(
        "smoothed_rows",
        [](const Source& source, size_t first, size_t last, int64_t start, int64_t step, size_t count,
           int64_t lookback, QueryBudget& budget, Cells out, HistogramPool* pool,
           std::optional<RowNotes> notes) {
            LookbackCall call{checked_grid(start, step, count), checked_span(lookback)};
            std::optional<Cells> cells(out);
            RowTarget target = checked_target(source, {first, last}, count, cells, nullptr, std::nullopt);
            HistogramTarget histograms = checked_histograms(pool, notes, last);
            nb::gil_scoped_release release;
            smoothed_rows(source.source, {first, last}, call, target, budget, histograms);
        },
        nb::arg("source"), nb::arg("first"), nb::arg("last"), nb::arg("start"), nb::arg("step"),
        nb::arg("count"), nb::arg("lookback"), nb::arg("budget"), nb::arg("out"),
        nb::arg("pool") = nb::none(), nb::arg("notes") = nb::none());
    m.def(
        "raw_samples",
        [](const Source& source, int64_t end, int64_t range, int64_t lookback, bool smoothed,
           QueryBudget& budget, HistogramPool& pool) {
            ExtendedCall call{RangeOp::kDelta, checked_grid(end, 1, 1), checked_span(range),
                              checked_span(lookback), smoothed};
            auto found = [&] {
                nb::gil_scoped_release release;
                return raw_samples(source.source, call, budget, pool);
            }();
            return nb::make_tuple(to_numpy(std::move(found.rows)), to_numpy(std::move(found.offsets)),
                                  to_numpy(std::move(found.t)), to_numpy(std::move(found.v)),
                                  found.unextended);
        },
        nb::arg("source"), nb::arg("end"), nb::arg("range"), nb::arg("lookback"), nb::arg("smoothed"),
        nb::arg("budget"), nb::arg("pool"));
}

void bind_budget(nb::module_& m) {
    nb::class_<QueryBudget>(m, "QueryBudget")
        .def(nb::init<int64_t>(), nb::arg("max_samples"))
        .def("cancel", &QueryBudget::cancel)
        .def_prop_ro("canceled", &QueryBudget::canceled)
        .def("check", &QueryBudget::check)
        .def("hold", &QueryBudget::hold, nb::arg("samples"))
        .def("hold_text", &QueryBudget::hold_text, nb::arg("size"))
        .def("release", &QueryBudget::release, nb::arg("samples"))
        .def_prop_ro("live", &QueryBudget::live)
        .def_prop_ro("peak", &QueryBudget::peak)
        .def_prop_ro("read", &QueryBudget::read)
        // The array counts as live samples as long as it exists. Its cells are not cleared.
        .def(
            "cells",
            [](std::shared_ptr<QueryBudget> budget, size_t rows, size_t steps) {
                struct Owned {
                    std::shared_ptr<QueryBudget> budget;
                    int64_t count;
                    std::unique_ptr<double[]> cells;
                };
                auto count = static_cast<int64_t>(rows * steps);
                budget->hold(count);
                std::unique_ptr<Owned> owned(new Owned{budget, count, nullptr});
                nb::capsule owner(owned.get(), [](void* p) noexcept {
                    std::unique_ptr<Owned> freed(static_cast<Owned*>(p));
                    freed->budget->release(freed->count);
                });
                Owned* kept = owned.release();
                kept->cells = std::make_unique_for_overwrite<double[]>(rows * steps);
                return nb::ndarray<nb::numpy, double, nb::ndim<2>>(kept->cells.get(), {rows, steps}, owner);
            },
            nb::arg("rows"), nb::arg("steps"));
}

void bind_reducer(nb::module_& m) {
    nb::class_<Reducer>(m, "Reducer")
        .def(
            "__init__",
            [](Reducer* self, uint8_t op, size_t groups, size_t steps) {
                new (self) Reducer(checked_op<ReduceOp>(op, kReduceOps), groups, steps);
            },
            nb::arg("op"), nb::arg("groups"), nb::arg("steps"))
        .def_prop_ro("steps", &Reducer::steps)
        .def(
            "add",
            [](Reducer& self, CellsIn cells, Column<uint32_t> groups, const QueryBudget& budget) {
                if (cells.shape(1) != self.steps() || groups.shape(0) != cells.shape(0))
                    throw nb::value_error("cells or groups do not fit the reducer");
                nb::gil_scoped_release release;
                for (size_t i = 0; i < cells.shape(0); ++i) {
                    if (i % 256 == 0) budget.check();
                    self.add_row(groups.data()[i], cells.data() + i * self.steps());
                }
            },
            nb::arg("cells"), nb::arg("groups"), nb::arg("budget"))
        .def("merge", &Reducer::merge, nb::arg("other"), nb::call_guard<nb::gil_scoped_release>())
        .def(
            "finish",
            [](const Reducer& self, Cells out) {
                if (out.shape(0) != self.groups() || out.shape(1) != self.steps())
                    throw nb::value_error("the output does not fit the reducer");
                nb::gil_scoped_release release;
                self.finish(out.data());
            },
            nb::arg("out"));
}

void bind_source(nb::module_& m) {
    nb::class_<Source>(m, "SampleSource")
        .def_static(
            "batch",
            [](nb::object batch) { return Source{SampleSource(nb::cast<const SeriesBatch&>(batch)), batch}; },
            nb::arg("batch"))
        .def_static(
            "matrix",
            [](CellsIn cells, int64_t start, int64_t step, nb::object pool) {
                MatrixView view{cells.data(), cells.shape(0), checked_grid(start, step, cells.shape(1)),
                                pool.is_none() ? nullptr : nb::cast<const HistogramPool*>(pool)};
                return Source{SampleSource(view), nb::make_tuple(cells, pool)};
            },
            nb::arg("cells"), nb::arg("start"), nb::arg("step"), nb::arg("pool") = nb::none())
        .def("without_buckets", [](const Source& s) { return Source{s.source.without_buckets(), s.owner}; })
        .def("__len__", [](const Source& s) { return s.source.rows(); });
}

}  // namespace

void bind_query(nb::module_& m) {
    bind_budget(m);
    bind_reducer(m);
    bind_source(m);
    bind_extended(m);
    m.def(
        "select_rows",
        [](const Source& source, size_t first, size_t last, int64_t start, int64_t step, size_t count,
           int64_t lookback, uint8_t given, QueryBudget& budget, std::optional<Cells> out, Reducer* reducer,
           std::optional<Column<uint32_t>> groups, HistogramPool* pool) {
            LookbackCall call{checked_grid(start, step, count), checked_span(lookback),
                              checked_op<Given>(given, kGivens)};
            RowTarget target = checked_target(source, {first, last}, count, out, reducer, groups);
            nb::gil_scoped_release release;
            select_rows(source.source, {first, last}, call, target, budget, pool);
        },
        nb::arg("source"), nb::arg("first"), nb::arg("last"), nb::arg("start"), nb::arg("step"),
        nb::arg("count"), nb::arg("lookback"), nb::arg("given"), nb::arg("budget"),
        nb::arg("out") = nb::none(), nb::arg("reducer") = nb::none(), nb::arg("groups") = nb::none(),
        nb::arg("pool") = nb::none());
    m.def(
        "range_rows",
        [](const Source& source, size_t first, size_t last, uint8_t op, int64_t start, int64_t step,
           size_t count, int64_t range, int64_t shift, std::optional<Column<double>> param,
           std::optional<Column<double>> param2, QueryBudget& budget, std::optional<Cells> out,
           Reducer* reducer, std::optional<Column<uint32_t>> groups, HistogramPool* pool,
           std::optional<RowNotes> notes, bool start_times) {
            RangeCall call{checked_op<RangeOp>(op, kRangeOps),
                           checked_grid(start, step, count),
                           checked_span(range),
                           shift,
                           parameter(param, count),
                           parameter(param2, count),
                           start_times};
            bool needs = call.op == RangeOp::kQuantile || call.op == RangeOp::kPredictLinear ||
                         call.op == RangeOp::kSmoothing;
            if ((needs && !call.param) || (call.op == RangeOp::kSmoothing && !call.param2))
                throw nb::value_error("the function needs a parameter");
            RowTarget target = checked_target(source, {first, last}, count, out, reducer, groups);
            HistogramTarget histograms = checked_histograms(pool, notes, last);
            nb::gil_scoped_release release;
            range_rows(source.source, {first, last}, call, target, budget, histograms);
        },
        nb::arg("source"), nb::arg("first"), nb::arg("last"), nb::arg("op"), nb::arg("start"),
        nb::arg("step"), nb::arg("count"), nb::arg("range"), nb::arg("shift"), nb::arg("param").none(),
        nb::arg("param2").none(), nb::arg("budget"), nb::arg("out") = nb::none(),
        nb::arg("reducer") = nb::none(), nb::arg("groups") = nb::none(), nb::arg("pool") = nb::none(),
        nb::arg("notes") = nb::none(), nb::arg("start_times") = false);
}
