#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <memory>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/text.h"
#include "bind/transaction.h"
#include "remote/series_cache.h"
#include "remote/write_request.h"

using narthex::SeriesCache;
using narthex::WriteRequest;

namespace {

std::unique_ptr<WriteRequest> decode(nb::object body, bool version2, int64_t latest,
                                     std::shared_ptr<SeriesCache> cache) {
    PyBufferView bytes(body);
    nb::gil_scoped_release release;
    return std::make_unique<WriteRequest>(bytes.bytes(), version2, latest, std::move(cache));
}

const WriteRequest::Part& part(const WriteRequest& request, size_t number) {
    if (number >= request.parts().size()) throw nb::index_error("no such part");
    return request.parts()[number];
}

nb::object starts(const std::vector<int64_t>& column) {
    return column.empty() ? nb::none() : nb::cast(to_numpy(column));
}

nb::tuple floats(const WriteRequest& request, size_t number) {
    const auto& columns = part(request, number).floats;
    return nb::make_tuple(to_numpy(columns.sources), to_numpy(request.refs(columns.sources)),
                          to_numpy(columns.times), to_numpy(columns.values), starts(columns.starts));
}

nb::tuple histograms(const WriteRequest& request, size_t number) {
    const auto& columns = part(request, number).histograms;
    return nb::make_tuple(to_numpy(columns.sources), to_numpy(request.refs(columns.sources)),
                          to_numpy(columns.times), starts(columns.starts));
}

nb::tuple exemplars(const WriteRequest& request) {
    const auto& columns = request.exemplars();
    return nb::make_tuple(to_numpy(columns.sources), to_numpy(request.refs(columns.sources)),
                          to_numpy(columns.times), to_numpy(columns.values));
}

}  // namespace

void bind_remote(nb::module_& m) {
    nb::class_<SeriesCache>(m, "SeriesCache")
        .def(nb::init<size_t>(), nb::arg("max_bytes"))
        .def("__len__", &SeriesCache::size)
        .def("clear", &SeriesCache::clear);
    nb::class_<WriteRequest>(m, "WriteRequest")
        .def_static("decode", &decode, nb::arg("body"), nb::kw_only(), nb::arg("version2"), nb::arg("latest"),
                    nb::arg("cache"))
        .def_prop_ro("sources", &WriteRequest::sources)
        .def_prop_ro("unknown", &WriteRequest::unknown, nb::rv_policy::reference_internal)
        .def(
            "resolve",
            [](WriteRequest& request, const AppendColumn<uint64_t>& refs) {
                nb::gil_scoped_release release;
                request.resolve(column_view(refs));
            },
            nb::arg("refs"))
        .def_prop_ro("parts", [](const WriteRequest& request) { return request.parts().size(); })
        .def("floats", &floats, nb::arg("part"))
        .def("histograms", &histograms, nb::arg("part"))
        .def(
            "histogram_values",
            [](const WriteRequest& request, size_t number) -> const narthex::HistogramBatch& {
                return part(request, number).histograms.values;
            },
            nb::arg("part"), nb::rv_policy::reference_internal)
        .def("exemplars", &exemplars)
        .def_prop_ro("ahead",
                     [](const WriteRequest& request) {
                         return nb::make_tuple(to_numpy(request.ahead().floats),
                                               to_numpy(request.ahead().histograms));
                     })
        .def_prop_ro(
            "exemplar_labels",
            [](const WriteRequest& request) -> const narthex::LabelSets& {
                return request.exemplars().labels;
            },
            nb::rv_policy::reference_internal)
        .def(
            "label_text",
            [](WriteRequest& request, uint32_t source) {
                if (source >= request.sources()) throw nb::index_error("no such source");
                return text(request.label_text(source));
            },
            nb::arg("source"))
        .def_prop_ro("problems",
                     [](const WriteRequest& request) {
                         return nb::make_tuple(request.problems().count, texts(request.problems().reasons));
                     })
        .def_prop_ro("invalid", &WriteRequest::invalid);
}
