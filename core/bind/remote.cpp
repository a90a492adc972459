#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/text.h"
#include "bind/transaction.h"
#include "bytes/snappy.h"
#include "chunk/series_batch.h"
#include "remote/read.h"
#include "remote/series_cache.h"
#include "remote/write_request.h"

using narthex::SeriesCache;
using narthex::WriteRequest;

namespace {

std::unique_ptr<WriteRequest> decode(nb::object body, bool version2, int64_t latest,
                                     std::shared_ptr<SeriesCache> cache, bool type_and_unit) {
    PyBufferView bytes(body);
    nb::gil_scoped_release release;
    return std::make_unique<WriteRequest>(bytes.bytes(), version2, latest, std::move(cache), type_and_unit);
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

// (queries, accepted types); a query is (mint, maxt, used mint, used maxt, [(type, name, value)]).
nb::tuple read_request(nb::object body) {
    PyBufferView bytes(body);
    narthex::ReadRequest request;
    {
        nb::gil_scoped_release release;
        request = narthex::decode_read_request(bytes.bytes());
    }
    nb::list queries;
    for (const narthex::ReadQuery& query : request.queries) {
        nb::list matchers;
        for (const narthex::ReadMatcher& m : query.matchers) {
            matchers.append(nb::make_tuple(m.type, text(m.name), text(m.value)));
        }
        queries.append(nb::make_tuple(query.mint, query.maxt, query.used_mint, query.used_maxt, matchers));
    }
    return nb::make_tuple(queries, request.accepted);
}

// An answer in samples while its queries are added.
class ReadAnswer {
  public:
    ReadAnswer(narthex::ExternalLabels external, size_t sample_limit)
        : external_(std::move(external)), limit_(sample_limit) {}
    void add(const narthex::SeriesBatch& batch, int64_t mint, int64_t maxt) {
        narthex::write_read_result(batch, mint, maxt, external_, limit_, plain_);
    }
    std::vector<uint8_t> compressed() const {
        std::vector<uint8_t> out;
        narthex::snappy_encode(plain_, out);
        return out;
    }

  private:
    narthex::ExternalLabels external_;
    size_t limit_;
    std::vector<uint8_t> plain_;
};

void bind_read(nb::module_& m) {
    m.def("read_request", &read_request, nb::arg("body"));
    nb::class_<ReadAnswer>(m, "ReadAnswer")
        .def(nb::init<narthex::ExternalLabels, size_t>(), nb::arg("external"), nb::arg("sample_limit"))
        .def(
            "add",
            [](ReadAnswer& answer, const narthex::SeriesBatch& batch, int64_t mint, int64_t maxt) {
                nb::gil_scoped_release release;
                answer.add(batch, mint, maxt);
            },
            nb::arg("batch"), nb::arg("mint"), nb::arg("maxt"))
        .def("compressed", [](const ReadAnswer& answer) {
            std::vector<uint8_t> out;
            {
                nb::gil_scoped_release release;
                out = answer.compressed();
            }
            return to_bytes(out);
        });
    nb::class_<narthex::ReadFrames>(m, "ReadFrames")
        .def(nb::init<const narthex::SeriesBatch&, int64_t, int64_t, narthex::ExternalLabels, uint64_t,
                      size_t>(),
             nb::arg("batch"), nb::arg("mint"), nb::arg("maxt"), nb::arg("external"), nb::arg("query"),
             nb::arg("frame_bytes"), nb::keep_alive<1, 2>())
        .def(
            "next",
            [](narthex::ReadFrames& frames, size_t wanted) {
                std::vector<uint8_t> out;
                {
                    nb::gil_scoped_release release;
                    frames.next(wanted, out);
                }
                return to_bytes(out);
            },
            nb::arg("wanted"));
}

}  // namespace

void bind_remote(nb::module_& m) {
    bind_read(m);
    nb::class_<SeriesCache>(m, "SeriesCache")
        .def(nb::init<size_t>(), nb::arg("max_bytes"))
        .def("__len__", &SeriesCache::size)
        .def("clear", &SeriesCache::clear);
    nb::class_<WriteRequest>(m, "WriteRequest")
        .def_static("decode", &decode, nb::arg("body"), nb::kw_only(), nb::arg("version2"), nb::arg("latest"),
                    nb::arg("cache"), nb::arg("type_and_unit") = false)
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
