#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unordered_map.h>

#include <string>
#include <vector>

#include "bind/module.h"
#include "bind/text.h"
#include "text/sample_lines.h"

using namespace narthex;

namespace {

// The distinct texts of label sets that have bytes beyond ASCII.
nb::list foreign_texts(const LabelSets& labels) {
    std::vector<bool> used(labels.symbols()->size());
    for (size_t row = 0; row < labels.rows(); ++row) {
        for (LabelPair p : labels.row(row)) used[p.name] = used[p.value] = true;
    }
    std::vector<std::string_view> out;
    for (uint32_t id = 0; id < used.size(); ++id) {
        if (used[id] && !is_ascii(labels.text(id))) out.push_back(labels.text(id));
    }
    return texts(out);
}

nb::tuple sample_lines(const SeriesBatch& batch, size_t first, int64_t mint, int64_t maxt, bool openmetrics,
                       const QuotedTexts& quoted, size_t budget) {
    std::string out;
    size_t next;
    {
        nb::gil_scoped_release release;
        auto format = openmetrics ? SampleLineFormat::kOpenMetrics : SampleLineFormat::kDump;
        next = write_sample_lines(batch, first, mint, maxt, format, quoted, budget, out);
    }
    return nb::make_tuple(next, nb::bytes(out.data(), out.size()));
}

}  // namespace

void bind_dump(nb::module_& m) {
    m.def("foreign_texts", &foreign_texts, nb::arg("labels"));
    m.def("sample_lines", &sample_lines, nb::arg("batch"), nb::arg("first"), nb::arg("mint"), nb::arg("maxt"),
          nb::arg("openmetrics"), nb::arg("quoted"), nb::arg("budget"));
}
