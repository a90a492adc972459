#include "block/block.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <set>

#include "block/block_writer.h"
#include "block/merger.h"
#include "chunk/xor.h"

using namespace narthex;

namespace {

constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

struct Files {
    std::vector<uint8_t> index;
    std::vector<std::vector<uint8_t>> segments;
    BlockCounts counts;

    std::shared_ptr<Block> open() const {
        std::vector<std::span<const uint8_t>> spans(segments.begin(), segments.end());
        return std::make_shared<Block>(Block{IndexReader(index), ChunkSegments(spans), nullptr});
    }
};

Files write(const SeriesBatch& batch, int64_t mint, int64_t maxt, uint64_t segment_size = 1 << 20) {
    Files files;
    BlockWriter writer(mint, maxt, {segment_size});
    auto take = [&] {
        for (auto& piece : writer.take_chunks()) {
            files.segments.resize(std::max<size_t>(files.segments.size(), piece.segment));
            auto& segment = files.segments[piece.segment - 1];
            segment.insert(segment.end(), piece.bytes.begin(), piece.bytes.end());
        }
        auto index = writer.take_index();
        files.index.insert(files.index.end(), index.begin(), index.end());
    };
    writer.add_symbols(*batch.labels.symbols());
    writer.begin();
    for (size_t row = 0; row < batch.rows();) {
        row = writer.add_rows(batch, row, 512);
        take();
    }
    while (!writer.finish(512)) take();
    take();
    files.counts = writer.counts();
    return files;
}

void add_series(SeriesBatch& batch, const std::string& name, const std::string& host,
                const std::vector<std::pair<int64_t, int64_t>>& chunks, int64_t step = 10) {
    std::vector<std::pair<std::string_view, std::string_view>> labels{{"__name__", name}, {"host", host}};
    batch.labels.add_row(labels);
    for (auto [from, to] : chunks) {
        XorAppender appender;
        int64_t last = from;
        for (int64_t t = from; t <= to; t += step) {
            appender.append(t, static_cast<double>(t));
            last = t;
        }
        auto bytes = std::make_shared<std::vector<uint8_t>>(appender.take());
        batch.chunks.push_back(
            {from, last, bytes->data(), static_cast<uint32_t>(bytes->size()), kEncodingXor});
        batch.owners.push_back(bytes);
    }
    batch.offsets.push_back(batch.chunks.size());
}

SeriesBatch sample_batch() {
    SeriesBatch batch;
    for (std::string name : {"cpu", "disk", "mem"}) {
        for (int host = 0; host < 9; ++host)
            add_series(batch, name, "h" + std::to_string(host), {{0, 500}, {510, 990}});
    }
    return batch;
}

// Everything a reader can be asked for; ends with answers or DecodeError.
void read_all(const std::vector<uint8_t>& index, const std::vector<std::vector<uint8_t>>& segments) {
    std::vector<std::span<const uint8_t>> spans(segments.begin(), segments.end());
    Block block{IndexReader(index), ChunkSegments(spans), nullptr};
    auto attempt = [](auto&& call) {
        try {
            call();
        } catch (const DecodeError&) {
        }
    };
    Tombstones deleted;
    deleted.add(10, {100, 200});
    MatchTerm every{"host", {}, true, false}, one{"host", {"h3"}, false, false},
        no{"host", {"h3"}, false, true};
    for (const auto& term : {every, one, no}) {
        std::vector<MatchTerm> terms{term};
        attempt([&] {
            auto batch = select(block, terms, 100, 800, &deleted);
            std::vector<int64_t> ts;
            std::vector<double> vs;
            for (size_t i = 0; i < batch.rows(); ++i) attempt([&] { decode_row(batch, i, 0, 1000, ts, vs); });
        });
        attempt([&] { select_labels(block, terms, 0, kForever, nullptr); });
        attempt([&] { matching_label_names(block.index, terms, 0); });
        attempt([&] { matching_label_values(block.index, "__name__", terms, 0); });
        attempt([&] { delete_samples(block, terms, 0, 100, deleted); });
    }
    for (auto name : block.index.label_names()) {
        block.index.label_values(name, "h");
        block.index.value_texts(name, "h");
    }
    attempt([&] {
        BlockMerger merger({{std::make_shared<Block>(block), nullptr}});
        while (merger.next(5).rows() > 0) {
        }
    });
}

}  // namespace

TEST_CASE("a written block reads back, whatever the segment size") {
    SeriesBatch batch = sample_batch();
    for (uint64_t segment_size : {1ul << 20, 600ul, 1ul}) {
        Files files = write(batch, 0, 1000, segment_size);
        CHECK(files.counts.series == 27);
        CHECK(files.counts.chunks == 54);
        CHECK(files.counts.samples == 27 * 100);
        if (segment_size == 1) CHECK(files.segments.size() == 54);
        auto block = files.open();
        SeriesBatch got = select(*block, {}, 0, kForever, nullptr);
        REQUIRE(got.rows() == 27);
        std::vector<int64_t> ts, ts2;
        std::vector<double> vs, vs2;
        for (size_t i = 0; i < 27; ++i) {
            CHECK(compare_rows(got.labels, i, batch.labels, i) == 0);
            decode_row(got, i, 0, kForever, ts, vs);
            decode_row(batch, i, 0, kForever, ts2, vs2);
            CHECK(ts == ts2);
            CHECK(vs == vs2);
        }
        CHECK(select(*block, {}, 505, 509, nullptr).rows() == 0);
        CHECK(select(*block, {}, 505, 510, nullptr).chunks.size() == 27);
    }
}

TEST_CASE("chunks are cut at the block's bounds and merged where they overlap") {
    SeriesBatch batch;
    add_series(batch, "a", "x", {{0, 500}, {250, 800}, {801, 1200}});
    add_series(batch, "b", "x", {{2000, 3000}});
    Files files = write(batch, 105, 1000);
    CHECK(files.counts.series == 1);
    auto block = files.open();
    SeriesBatch got = select(*block, {}, 0, kForever, nullptr);
    REQUIRE(got.rows() == 1);
    std::vector<int64_t> ts;
    std::vector<double> vs;
    decode_row(got, 0, 0, kForever, ts, vs);
    std::vector<int64_t> want;
    for (int64_t t = 110; t <= 800; t += 10) want.push_back(t);
    for (int64_t t = 801; t < 1000; t += 10) want.push_back(t);
    CHECK(ts == want);
    auto row = got.row(0);
    for (size_t k = 1; k < row.size(); ++k) CHECK(row[k - 1].maxt < row[k].mint);
}

TEST_CASE("blocks merge in label order with deleted samples left out") {
    SeriesBatch left, right;
    add_series(left, "a", "1", {{0, 90}});
    add_series(left, "c", "1", {{0, 90}});
    add_series(right, "a", "1", {{100, 190}});
    add_series(right, "b", "1", {{100, 190}});
    auto first = write(left, 0, 100), second = write(right, 100, 200);
    auto deleted = std::make_shared<Tombstones>();
    auto one = first.open(), two = second.open();
    std::vector<MatchTerm> c{{"__name__", {"c"}, false, false}};
    CHECK(delete_samples(*one, c, 20, 49, *deleted) == 1);
    BlockMerger merger({{one, deleted}, {two, nullptr}});
    std::vector<std::pair<std::string, size_t>> got;
    std::vector<int64_t> ts;
    std::vector<double> vs;
    while (true) {
        SeriesBatch batch = merger.next(2);
        if (batch.rows() == 0) break;
        for (size_t i = 0; i < batch.rows(); ++i) {
            decode_row(batch, i, 0, kForever, ts, vs);
            got.emplace_back(batch.labels.value(i, "__name__"), ts.size());
        }
    }
    CHECK(got == std::vector<std::pair<std::string, size_t>>{{"a", 20}, {"b", 10}, {"c", 7}});
}

TEST_CASE("rows out of label order are refused") {
    SeriesBatch batch;
    add_series(batch, "b", "1", {{0, 90}});
    add_series(batch, "a", "1", {{0, 90}});
    CHECK_THROWS_AS(write(batch, 0, 100), std::invalid_argument);
}

TEST_CASE("histogram chunks pass through whole and refuse to be cut") {
    SeriesBatch batch;
    static const uint8_t bytes[] = {0, 7, 1, 2, 3};
    std::vector<std::pair<std::string_view, std::string_view>> labels{{"__name__", "h"}};
    batch.labels.add_row(labels);
    batch.chunks.push_back({10, 20, bytes, sizeof bytes, 2});
    batch.offsets.push_back(1);
    Files files = write(batch, 0, 100);
    CHECK(files.counts.histogram_samples == 7);
    SeriesBatch got = select(*files.open(), {}, 0, 100, nullptr);
    REQUIRE(got.chunks.size() == 1);
    CHECK(got.chunks[0].encoding == 2);
    CHECK(std::vector<uint8_t>(got.chunks[0].data, got.chunks[0].data + got.chunks[0].size) ==
          std::vector<uint8_t>(std::begin(bytes), std::end(bytes)));
    CHECK_THROWS_AS(write(batch, 0, 15), DecodeError);
}

TEST_CASE("no flipped, cut or repeated byte makes a reader fail otherwise than with DecodeError") {
    SeriesBatch batch;
    for (int host = 0; host < 5; ++host) add_series(batch, "cpu", "h" + std::to_string(host), {{0, 300}});
    Files files = write(batch, 0, 1000, 200);
    read_all(files.index, files.segments);
    size_t refused = 0, cases = 0;
    auto attempt = [&](const std::vector<uint8_t>& index, const std::vector<std::vector<uint8_t>>& segments) {
        ++cases;
        try {
            read_all(index, segments);
        } catch (const DecodeError&) {
            ++refused;
        }
    };
    for (size_t at = 0; at < files.index.size(); ++at) {
        for (int flip : {0x01, 0x02, 0x10, 0x40, 0x80, 0xff}) {
            auto index = files.index;
            index[at] ^= static_cast<uint8_t>(flip);
            attempt(index, files.segments);
        }
        attempt({files.index.begin(), files.index.begin() + static_cast<ptrdiff_t>(at)}, files.segments);
    }
    CHECK(refused > files.index.size());
    for (size_t s = 0; s < files.segments.size(); ++s) {
        for (size_t at = 0; at < files.segments[s].size(); ++at) {
            auto segments = files.segments;
            segments[s][at] ^= 0x55;
            attempt(files.index, segments);
            segments[s].resize(at);
            attempt(files.index, segments);
        }
    }
    CHECK(cases > 3500);
}
