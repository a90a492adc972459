// A block from anywhere: opening and reading end with answers or a DecodeError. The first byte chooses what
// the rest is: an index file as it is; a chunk segment; a tombstones file; or edits (u16 position, byte) to a
// small valid index whose checksums are put right again, so that damage gets past them. It also chooses as
// which version the index is read.
#include "block/block.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "block/analysis.h"
#include "block/block_writer.h"
#include "block/merger.h"
#include "bytes/crc32c.h"
#include "chunk/histogram.h"
#include "chunk/xor.h"
#include "chunk/xor2.h"

using namespace narthex;

namespace {

using Bytes = std::vector<uint8_t>;

struct Sample {
    Bytes index, segment;
};

// A chunk of five samples, of another encoding for each series.
Bytes make_chunk(uint8_t encoding, int64_t from) {
    if (is_histogram(encoding)) {
        HistogramAppender appender(encoding, ResetHint::kUnknown, {0, 0.5, {{0, 2}}, {{1, 1}}, {}});
        HistogramCell zeros[3] = {};
        for (int64_t t = from; t < from + 5; ++t) appender.append({t, from, {}, {}, 2.5, zeros});
        return appender.take();
    }
    XorAppender plain;
    Xor2Appender with_starts;
    for (int64_t t = from; t < from + 5; ++t) {
        plain.append(t, 1.5);
        with_starts.append(t, 1.5, from);
    }
    return encoding == kEncodingXor2 ? with_starts.take() : plain.take();
}

Sample make_sample() {
    SeriesBatch batch;
    for (int i = 0; i < 6; ++i) {
        std::string host = "h" + std::to_string(i);
        std::vector<std::pair<std::string_view, std::string_view>> labels{{"__name__", "up"}, {"host", host}};
        batch.labels.add_row(labels);
        for (int64_t from : {0, 1000}) {
            auto encoding = static_cast<uint8_t>(kEncodingXor + i);
            auto bytes = std::make_shared<Bytes>(make_chunk(encoding, from));
            batch.chunks.push_back(
                {from, from + 4, bytes->data(), static_cast<uint32_t>(bytes->size()), encoding});
            batch.owners.push_back(bytes);
        }
        batch.offsets.push_back(batch.chunks.size());
    }
    Sample sample;
    BlockWriter writer(0, 5000, {1 << 20});
    writer.add_symbols(*batch.labels.symbols());
    writer.begin();
    writer.add_rows(batch, 0, 1 << 20);
    writer.finish(1 << 20);
    sample.index = writer.take_index();
    sample.segment = std::move(writer.take_chunks()[0].bytes);
    return sample;
}

void put_be32(Bytes& b, size_t at, uint32_t v) {
    for (size_t i = 0; i < 4; ++i) b[at + i] = static_cast<uint8_t>(v >> (24 - 8 * i));
}

// Sections as u32 length, content, checksum from `at` to `end`; lengths that do not fit are left alone.
void repair_sections(Bytes& b, size_t at, size_t end) {
    while (at + 8 <= end) {
        size_t size = load_be32(b.data() + at);
        if (size > end - at - 8) return;
        put_be32(b, at + 4 + size, crc32c({b.data() + at + 4, size}));
        at = (at + 8 + size + 3) / 4 * 4;
    }
}

void repair(Bytes& b) {
    size_t toc = b.size() - 52;
    uint64_t series = load_be64(b.data() + toc + 8), lists = load_be64(b.data() + toc + 16),
             tables = load_be64(b.data() + toc + 24), postings = load_be64(b.data() + toc + 40);
    put_be32(b, toc + 48, crc32c({b.data() + toc, 48}));
    if (series > toc || lists > toc || tables > toc || postings > toc || series < 13) return;
    repair_sections(b, 5, series);
    repair_sections(b, lists, tables);
    repair_sections(b, postings, toc);
    for (size_t at = (series + 15) / 16 * 16; at + 5 <= lists; at += 16) {
        size_t size = b[at];
        if (size < 0x80 && at + 5 + size <= lists)
            put_be32(b, at + 1 + size, crc32c({b.data() + at + 1, size}));
    }
}

template <typename Call>
void attempt(Call call) {
    try {
        call();
    } catch (const DecodeError&) {
    }
}

void read_all(std::span<const uint8_t> index, std::span<const uint8_t> segment, uint8_t version) {
    auto block =
        std::make_shared<Block>(Block{IndexReader(index, version), ChunkSegments({segment}), nullptr});
    Tombstones deleted;
    deleted.add(12, {2, 1001});
    MatchTerm every{"host", {}, true, false}, some{"host", {"h1", "h4"}, false, true};
    for (const MatchTerm& term : {every, some}) {
        std::vector<MatchTerm> terms{term};
        attempt([&] {
            SeriesBatch batch = select(*block, terms, 1, 2000, &deleted);
            std::vector<int64_t> ts;
            std::vector<double> vs;
            HistogramColumns histograms;
            for (size_t i = 0; i < batch.rows(); ++i) {
                attempt([&] { decode_row(batch, i, 0, 3000, ts, vs); });
                attempt([&] { decode_histograms(batch, i, 0, 3000, histograms); });
            }
        });
        attempt([&] {
            SeriesBatch sound = select(*block, terms, 1, 2000, &deleted, true);
            if (sound.damage.reasons.size() > Damage::kReasons) __builtin_trap();
        });
        attempt([&] { select_labels(*block, terms, 0, 3000, nullptr); });
        attempt([&] { analyze_labels(block->index, terms, 1, 1002, 5); });
        attempt([&] { analyze_chunks(*block, terms); });
        attempt([&] { matching_label_names(block->index, terms, 0); });
        attempt([&] { matching_label_values(block->index, "host", terms, 0); });
        attempt([&] { delete_samples(*block, terms, 0, 100, deleted); });
    }
    for (auto name : block->index.label_names()) {
        block->index.label_values(name, "h");
        block->index.value_texts(name, "h");
    }
    attempt([&] {
        BlockMerger merger({{block, nullptr}});
        BlockWriter writer(1, 1002, {1 << 20, kEncodingXor2, true});
        writer.add_symbols(block->index);
        writer.begin();
        while (true) {
            SeriesBatch batch = merger.next(3);
            if (batch.rows() == 0) break;
            for (size_t row = 0; row < batch.rows();) {
                row = writer.add_rows(batch, row, 1 << 16);
                writer.take_chunks();
                writer.take_index();
            }
        }
        writer.finish(1 << 20);
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Sample sample = make_sample();
    if (size == 0) return 0;
    std::span<const uint8_t> rest(data + 1, size - 1);
    auto version = static_cast<uint8_t>(data[0] / 4 % 4);  // 0: what the file says
    attempt([&] {
        switch (data[0] % 4) {
            case 0:
                read_all(rest, sample.segment, version);
                break;
            case 1:
                read_all(sample.index, rest, version);
                break;
            case 2:
                Tombstones::decode(rest).encode();
                break;
            default: {
                Bytes index = sample.index;
                for (size_t i = 0; i + 3 <= rest.size(); i += 3)
                    index[(rest[i] << 8 | rest[i + 1]) % index.size()] = rest[i + 2];
                repair(index);
                read_all(index, sample.segment, version);
            }
        }
    });
    return 0;
}
