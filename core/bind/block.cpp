#include "block/block.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "bind/buffers.h"
#include "bind/match_terms.h"
#include "bind/module.h"
#include "bind/text.h"

using namespace narthex;

namespace {

// Hands index and segments to a Block together with what keeps them alive.
std::shared_ptr<Block> open_block(nb::handle index, const std::vector<nb::object>& segments,
                                  uint8_t index_version) {
    auto views = std::make_shared<std::vector<std::unique_ptr<PyBufferView>>>();
    views->push_back(std::make_unique<PyBufferView>(index));
    for (const nb::object& segment : segments) views->push_back(std::make_unique<PyBufferView>(segment));
    nb::gil_scoped_release release;
    std::vector<std::span<const uint8_t>> spans;
    for (size_t i = 1; i < views->size(); ++i) spans.push_back((*views)[i]->bytes());
    return std::make_shared<Block>(
        Block{IndexReader((*views)[0]->bytes(), index_version), ChunkSegments(std::move(spans)), views});
}

void bind_tombstones(nb::module_& m) {
    nb::class_<Tombstones>(m, "Tombstones")
        .def(nb::init<>())
        .def(nb::init<const Tombstones&>(), nb::arg("other"))
        .def_static(
            "decode",
            [](nb::handle file) {
                PyBufferView view(file);
                return Tombstones::decode(view.bytes());
            },
            nb::arg("file"))
        .def("encode", [](const Tombstones& t) { return to_bytes(t.encode()); })
        .def(
            "add",
            [](Tombstones& t, uint64_t series, int64_t mint, int64_t maxt) {
                if (mint > maxt) throw nb::value_error("interval ends before it starts");
                t.add(series, {mint, maxt});
            },
            nb::arg("series"), nb::arg("mint"), nb::arg("maxt"))
        .def(
            "intervals",
            [](const Tombstones& t, uint64_t series) {
                std::vector<std::pair<int64_t, int64_t>> out;
                if (const Intervals* found = t.find(series)) {
                    for (Interval i : *found) out.emplace_back(i.mint, i.maxt);
                }
                return out;
            },
            nb::arg("series"))
        .def("series_count", &Tombstones::series)
        .def("__len__", &Tombstones::intervals);
}

}  // namespace

void bind_block(nb::module_& m) {
    bind_tombstones(m);
    nb::class_<Block>(m, "BlockReader")
        .def(nb::new_(&open_block), nb::arg("index"), nb::arg("segments"), nb::arg("index_version") = 0)
        .def_prop_ro("index_version", [](const Block& b) { return b.index.version(); })
        .def("symbol_count", [](const Block& b) { return b.index.symbols(); })
        .def("series_count",
             [](const Block& b) {
                 std::vector<IndexReader::Id> ids;
                 b.index.collect_all(ids);
                 return ids.size();
             })
        .def(
            "select",
            [](const Block& b, const PyMatchTerms& terms, int64_t mint, int64_t maxt,
               const Tombstones* deleted, std::optional<std::string> skip_broken_of) {
                nb::gil_scoped_release release;
                SeriesBatch batch =
                    select(b, to_match_terms(terms), mint, maxt, deleted, skip_broken_of.has_value());
                for (std::string& reason : batch.damage.reasons) reason = *skip_broken_of + ": " + reason;
                return batch;
            },
            nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"), nb::arg("tombstones").none() = nb::none(),
            nb::arg("skip_broken_of").none() = nb::none())
        .def(
            "series",
            [](const Block& b, const PyMatchTerms& terms, int64_t mint, int64_t maxt,
               const Tombstones* deleted, size_t limit) {
                nb::gil_scoped_release release;
                return select_labels(b, to_match_terms(terms), mint, maxt, deleted, limit);
            },
            nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"), nb::arg("tombstones").none() = nb::none(),
            nb::arg("limit") = 0)
        .def(
            "label_names",
            [](const Block& b, size_t limit) { return TextList(b.index.label_names(), limit); },
            nb::arg("limit") = 0)
        .def(
            "label_values",
            [](const Block& b, std::string_view name, size_t limit) {
                nb::gil_scoped_release release;
                return TextList(b.index.label_values(name), limit);
            },
            nb::arg("name"), nb::arg("limit") = 0)
        .def(
            "value_texts",
            [](const Block& b, std::string_view name, std::string_view prefix, size_t since) {
                nb::gil_scoped_release release;
                return b.index.value_texts(name, prefix, since);
            },
            nb::arg("name"), nb::arg("prefix") = "", nb::arg("since") = 0)
        .def(
            "label_value_count",
            [](const Block& b, std::string_view name) { return b.index.label_value_count(name); },
            nb::arg("name"))
        .def(
            "matching_label_names",
            [](const Block& b, const PyMatchTerms& terms, size_t limit) {
                nb::gil_scoped_release release;
                return matching_label_names(b.index, to_match_terms(terms), limit);
            },
            nb::arg("terms"), nb::arg("limit") = 0)
        .def(
            "matching_label_values",
            [](const Block& b, std::string_view name, const PyMatchTerms& terms, size_t limit) {
                nb::gil_scoped_release release;
                return matching_label_values(b.index, name, to_match_terms(terms), limit);
            },
            nb::arg("name"), nb::arg("terms"), nb::arg("limit") = 0)
        .def(
            "delete",
            [](const Block& b, const PyMatchTerms& terms, int64_t mint, int64_t maxt, Tombstones& into) {
                nb::gil_scoped_release release;
                return delete_samples(b, to_match_terms(terms), mint, maxt, into);
            },
            nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"), nb::arg("into"));
}
