#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <optional>

#include "bind/cells.h"
#include "bind/module.h"
#include "json/mixed_result.h"
#include "json/number.h"
#include "json/result.h"

using namespace narthex;

namespace {

nb::bytes to_bytes(const std::string& s) {
    return nb::bytes(s.data(), s.size());
}

// What is made as a text of its own.
template <typename Make>
nb::bytes joined(Make&& make) {
    std::string out;
    {
        nb::gil_scoped_release release;
        out = make();
    }
    return to_bytes(out);
}

// Bytes that a document writes itself into: no copy of a large answer is made. Pages behind its end are never
// touched.
template <typename Make>
nb::bytes written(Make&& make) {
    auto document = [&] {
        nb::gil_scoped_release release;
        return make();
    }();
    PyObject* raw = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(document.bound()));
    if (!raw) throw nb::python_error();
    char* begin = PyBytes_AS_STRING(raw);
    char* end;
    {
        nb::gil_scoped_release release;
        end = document.write(begin);
    }
    if (_PyBytes_Resize(&raw, end - begin) != 0) throw nb::python_error();
    return nb::steal<nb::bytes>(raw);
}

}  // namespace

void bind_json(nb::module_& m) {
    m.def(
        "matrix_json",
        [](const LabelSets& rows, CellsIn cells, int64_t start, int64_t step, const HistogramPool* pool,
           size_t first, std::optional<size_t> last) {
            if (cells.shape(0) != rows.rows()) throw nb::value_error("one label set a row is needed");
            RowRange range{first, last.value_or(rows.rows())};
            if (range.first > range.last || range.last > rows.rows())
                throw nb::value_error("there are no such rows");
            StepGrid grid{start, step, cells.shape(1)};
            if (pool)
                return joined([&] { return mixed_matrix_json(rows, cells.data(), grid, range, *pool); });
            return written([&] { return MatrixJson(rows, cells.data(), grid, range); });
        },
        nb::arg("rows"), nb::arg("cells"), nb::arg("start"), nb::arg("step"), nb::arg("pool") = nb::none(),
        nb::arg("first") = 0, nb::arg("last") = nb::none());
    m.def(
        "samples_json",
        [](const LabelSets& rows, Column<uint64_t> offsets, Column<int64_t> times, Column<double> values,
           const HistogramPool* pool) {
            std::span<const uint64_t> ends = view(offsets);
            if (ends.size() != rows.rows() + 1 || times.shape(0) != values.shape(0) ||
                !std::is_sorted(ends.begin(), ends.end()) || ends.back() > times.shape(0))
                throw nb::value_error("offsets do not fit the rows and columns");
            if (pool)
                return joined(
                    [&] { return mixed_samples_json(rows, ends, times.data(), values.data(), *pool); });
            return written([&] { return SamplesJson(rows, ends, times.data(), values.data()); });
        },
        nb::arg("rows"), nb::arg("offsets"), nb::arg("times"), nb::arg("values"),
        nb::arg("pool") = nb::none());
    m.def(
        "vector_json",
        [](const LabelSets& rows, CellsIn cells, int64_t t, const HistogramPool* pool) {
            if (cells.shape(0) != rows.rows() || cells.shape(1) != 1)
                throw nb::value_error("one label set and one cell a row are needed");
            return joined([&] {
                return pool ? mixed_vector_json(rows, cells.data(), t, *pool)
                            : vector_json(rows, cells.data(), t);
            });
        },
        nb::arg("rows"), nb::arg("cells"), nb::arg("t"), nb::arg("pool") = nb::none());
    m.def(
        "point_json", [](int64_t t, double value) { return to_bytes(point_json(t, value)); }, nb::arg("t"),
        nb::arg("value"));
    m.def(
        "text_json", [](int64_t t, std::string_view text) { return to_bytes(text_json(t, text)); },
        nb::arg("t"), nb::arg("text"));
    m.def("format_value", [](double v) {
        char buffer[40];
        return nb::str(buffer, static_cast<size_t>(write_value(buffer, v) - buffer));
    });
}
