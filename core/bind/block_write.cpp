#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/text.h"
#include "block/block_writer.h"
#include "block/merger.h"

using namespace narthex;

namespace {

nb::list take_chunks(BlockWriter& writer) {
    nb::list out;
    for (const auto& piece : writer.take_chunks())
        out.append(nb::make_tuple(piece.segment, to_bytes(piece.bytes)));
    return out;
}

nb::dict counts(const BlockWriter& writer) {
    const BlockCounts& c = writer.counts();
    nb::dict out;
    out["samples"] = c.samples;
    out["float_samples"] = c.float_samples;
    out["histogram_samples"] = c.histogram_samples;
    out["series"] = c.series;
    out["chunks"] = c.chunks;
    return out;
}

nb::tuple take_shapes(BlockWriter& writer) {
    BlockWriter::Shapes shapes = writer.take_shapes();
    return nb::make_tuple(to_numpy(std::move(shapes.bytes)), to_numpy(std::move(shapes.samples)),
                          to_numpy(std::move(shapes.milliseconds)));
}

}  // namespace

void bind_block_write(nb::module_& m) {
    nb::class_<BlockWriter>(m, "BlockWriter")
        .def(
            "__init__",
            [](BlockWriter* self, int64_t mint, int64_t maxt, uint64_t segment_size, bool xor2,
               bool skip_broken) {
                uint8_t floats = xor2 ? kEncodingXor2 : kEncodingXor;
                new (self) BlockWriter(mint, maxt, {segment_size, floats, skip_broken});
            },
            nb::arg("mint"), nb::arg("maxt"), nb::arg("segment_size"), nb::arg("xor2") = false,
            nb::arg("skip_broken") = false)
        .def(
            "add_symbols",
            [](BlockWriter& w, const SeriesBatch& batch) { w.add_symbols(*batch.labels.symbols()); },
            nb::arg("batch"), nb::call_guard<nb::gil_scoped_release>())
        .def(
            "add_block_symbols", [](BlockWriter& w, const Block& block) { w.add_symbols(block.index); },
            nb::arg("block"), nb::call_guard<nb::gil_scoped_release>())
        .def("begin", &BlockWriter::begin, nb::call_guard<nb::gil_scoped_release>())
        .def("add_rows", &BlockWriter::add_rows, nb::arg("batch"), nb::arg("first"), nb::arg("budget"),
             nb::call_guard<nb::gil_scoped_release>())
        .def("finish", &BlockWriter::finish, nb::arg("budget"), nb::call_guard<nb::gil_scoped_release>())
        .def("take_chunks", &take_chunks)
        .def("take_index", [](BlockWriter& w) { return to_bytes(w.take_index()); })
        .def("counts", &counts)
        .def("take_shapes", &take_shapes)
        .def("broken", [](const BlockWriter& w) {
            return nb::make_tuple(w.broken().count, texts(w.broken().reasons));
        });

    nb::class_<BlockMerger>(m, "BlockMerger")
        .def(
            "__init__",
            [](BlockMerger* self,
               const std::vector<std::pair<std::shared_ptr<Block>, std::shared_ptr<Tombstones>>>& inputs) {
                std::vector<BlockMerger::Input> list;
                for (const auto& [block, deleted] : inputs) list.push_back({block, deleted});
                nb::gil_scoped_release release;
                new (self) BlockMerger(std::move(list));
            },
            nb::arg("inputs"))
        .def("next", &BlockMerger::next, nb::arg("max_rows"), nb::call_guard<nb::gil_scoped_release>());
}
