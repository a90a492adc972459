#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>

#include "bind/arrays.h"
#include "bind/histograms.h"
#include "bind/module.h"
#include "bind/text.h"
#include "chunk/gather.h"
#include "chunk/series_batch.h"

using narthex::SeriesBatch;

namespace {

using PyLabels = std::vector<std::pair<std::string_view, std::string_view>>;

// Adds one series from chunks as they are in blocks: (mint, maxt, encoding, bytes).
void add_chunks(SeriesBatch& batch, const PyLabels& labels,
                const std::vector<std::tuple<int64_t, int64_t, uint8_t, nb::bytes>>& chunks) {
    batch.labels.add_row(labels);
    for (const auto& [mint, maxt, encoding, data] : chunks) {
        const auto* first = static_cast<const uint8_t*>(data.data());
        auto owned = std::make_shared<std::vector<uint8_t>>(first, first + data.size());
        batch.chunks.push_back({mint, maxt, owned->data(), static_cast<uint32_t>(owned->size()), encoding});
        batch.owners.push_back(std::move(owned));
    }
    batch.offsets.push_back(batch.chunks.size());
}

template <typename T>
using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::span<const T> view(const Column<T>& c) {
    return {c.data(), c.shape(0)};
}

nb::tuple gather(const narthex::LabelSets& labels, uint32_t first, uint32_t last, Column<uint32_t> rows,
                 Column<int64_t> times, Column<double> values) {
    SeriesBatch batch;
    narthex::GatherCounts counts;
    {
        nb::gil_scoped_release release;
        batch = narthex::gather_series(labels, first, last, view(rows), view(times), view(values), counts);
    }
    return nb::make_tuple(std::move(batch), counts.repeated, counts.conflicting);
}

}  // namespace

void bind_series(nb::module_& m) {
    nb::class_<SeriesBatch>(m, "SeriesBatch")
        .def(nb::init<>())
        .def("__len__", &SeriesBatch::rows)
        .def_prop_ro(
            "labels", [](SeriesBatch& b) -> narthex::LabelSets& { return b.labels; },
            nb::rv_policy::reference_internal)
        .def("chunk_count", [](const SeriesBatch& b) { return b.chunks.size(); })
        .def("damage",
             [](const SeriesBatch& b) { return nb::make_tuple(b.damage.count, texts(b.damage.reasons)); })
        .def(
            "add_damage", [](SeriesBatch& b, std::string reason) { b.damage.add(std::move(reason)); },
            nb::arg("reason"))
        .def(
            "samples",
            [](const SeriesBatch& b, size_t row, int64_t mint, int64_t maxt) {
                if (row >= b.rows()) throw nb::index_error("row out of range");
                std::vector<int64_t> ts;
                std::vector<double> vs;
                narthex::decode_row(b, row, mint, maxt, ts, vs);
                return nb::make_tuple(to_numpy(std::move(ts)), to_numpy(std::move(vs)));
            },
            nb::arg("row"), nb::arg("mint"), nb::arg("maxt"))
        .def(
            "histograms",
            [](const SeriesBatch& b, size_t row, int64_t mint, int64_t maxt) {
                if (row >= b.rows()) throw nb::index_error("row out of range");
                narthex::HistogramColumns samples;
                narthex::decode_histograms(b, row, mint, maxt, samples);
                return histogram_runs(samples);
            },
            nb::arg("row"), nb::arg("mint"), nb::arg("maxt"))
        .def("histogram_chunk_count",
             [](const SeriesBatch& b) {
                 return std::count_if(b.chunks.begin(), b.chunks.end(), [](const narthex::ChunkView& c) {
                     return narthex::is_histogram(c.encoding);
                 });
             })
        .def_static(
            "merge",
            [](const std::vector<const SeriesBatch*>& batches) {
                nb::gil_scoped_release release;
                return narthex::merge_batches(batches);
            },
            nb::arg("batches"))
        // Adds one series from columns of equal length, ascending in time. Rows must come in label order.
        .def(
            "add_columns",
            [](SeriesBatch& b, const PyLabels& labels,
               nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig> ts,
               nb::ndarray<const double, nb::ndim<1>, nb::c_contig> vs) {
                size_t n = ts.shape(0);
                if (vs.shape(0) != n) throw nb::value_error("columns differ in length");
                b.labels.add_row(labels);
                if (n > 0) {
                    auto column = std::make_shared<std::vector<uint64_t>>(2 * n);
                    std::memcpy(column->data(), ts.data(), 8 * n);
                    std::memcpy(column->data() + n, vs.data(), 8 * n);
                    b.chunks.push_back({ts.data()[0], ts.data()[n - 1],
                                        reinterpret_cast<const uint8_t*>(column->data()),
                                        static_cast<uint32_t>(16 * n), narthex::kEncodingColumns});
                    b.owners.push_back(std::move(column));
                }
                b.offsets.push_back(b.chunks.size());
            },
            nb::arg("labels"), nb::arg("timestamps"), nb::arg("values"))
        .def("add_chunks", &add_chunks, nb::arg("labels"), nb::arg("chunks"))
        .def_static("gather", &gather, nb::arg("labels"), nb::arg("first"), nb::arg("last"), nb::arg("rows"),
                    nb::arg("times"), nb::arg("values"));
}
