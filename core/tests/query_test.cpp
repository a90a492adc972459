// Kernels under the sanitizers: odd sizes, empty inputs, broken chunks. What they compute is compared with
// plain twins in tests/unit/promql.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "chunk/stale.h"
#include "chunk/xor.h"
#include "json/number.h"
#include "json/result.h"
#include "query/columns.h"
#include "query/grouping.h"
#include "query/label_ops.h"
#include "query/select.h"

using namespace narthex;

namespace {

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

void add_series(SeriesBatch& batch, const Pairs& labels, const std::vector<std::vector<uint8_t>>& chunks) {
    batch.labels.add_row(labels);
    for (const auto& bytes : chunks) {
        auto owned = std::make_shared<std::vector<uint8_t>>(bytes);
        batch.chunks.push_back({INT64_MIN / 4, INT64_MAX / 4, owned->data(),
                                static_cast<uint32_t>(owned->size()), kEncodingXor});
        batch.owners.push_back(owned);
    }
    batch.offsets.push_back(batch.chunks.size());
}

std::vector<uint8_t> random_chunk(std::mt19937_64& random, int64_t& t) {
    XorAppender appender;
    for (size_t i = random() % 130; i > 0; --i) {
        double v = random() % 10 == 0   ? stale_nan()
                   : random() % 20 == 0 ? NAN
                                        : static_cast<double>(random() % 1000);
        appender.append(t, v);
        t += 1 + static_cast<int64_t>(random() % 20000);
    }
    return appender.take();
}

}  // namespace

TEST_CASE("every range function takes any series, any grid and any window") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 60; ++round) {
        SeriesBatch batch;
        for (int row = 0; row < 3; ++row) {
            int64_t t = static_cast<int64_t>(random() % 50000) - 25000;
            std::vector<std::vector<uint8_t>> chunks;
            for (size_t c = random() % 4; c > 0; --c) chunks.push_back(random_chunk(random, t));
            add_series(batch, {{"row", row == 0 ? "a" : row == 1 ? "b" : "c"}}, chunks);
        }
        size_t steps = random() % 40;
        StepGrid grid{static_cast<int64_t>(random() % 2000000), static_cast<int64_t>(random() % 60000),
                      steps};
        std::vector<double> cells(3 * steps), half(steps, 0.5);
        std::vector<uint32_t> groups{0, 1, 0};
        QueryBudget budget(1 << 20);
        for (uint8_t op = 0; op < kRangeOps; ++op) {
            int64_t range = 1 + static_cast<int64_t>(random() % 3000000);
            RangeCall call{static_cast<RangeOp>(op), grid, range, 0, half.data(), half.data()};
            range_rows(SampleSource(batch), {0, 3}, call, {cells.data(), nullptr, {}}, budget);
            Reducer reducer(static_cast<ReduceOp>(op % kReduceOps), 2, steps);
            range_rows(SampleSource(batch), {0, 3}, call, {nullptr, &reducer, groups}, budget);
            std::vector<double> out(2 * steps);
            reducer.finish(out.data());
        }
        select_rows(SampleSource(batch), {0, 3}, {grid, 300000}, {cells.data(), nullptr, {}}, budget);
        REQUIRE(budget.live() == 0);
    }
}

TEST_CASE("a broken chunk is a decode error and leaves nothing held") {
    SeriesBatch batch;
    XorAppender appender;
    for (int i = 0; i < 100; ++i) appender.append(i * 1000, i * 0.37);
    auto bytes = appender.take();
    bytes.resize(bytes.size() / 2);
    add_series(batch, {{"a", "1"}}, {bytes});
    std::vector<double> cell(1);
    QueryBudget budget(1000);
    CHECK_THROWS_AS(
        select_rows(SampleSource(batch), {0, 1}, {{99000, 1, 1}, 100000}, {cell.data(), nullptr, {}}, budget),
        DecodeError);
    CHECK(budget.live() == 0);
}

TEST_CASE("a header that promises more samples than its bytes can hold takes no memory for them") {
    std::vector<uint8_t> lie{0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    SampleBuffer buffer;
    CHECK_THROWS_AS(xor_decode(lie, INT64_MIN, INT64_MAX, buffer), DecodeError);
    CHECK(buffer.size() == 0);
}

TEST_CASE("groups and rows that do not exist are refused") {
    Reducer reducer(ReduceOp::kSum, 2, 3);
    std::vector<double> cells(3, 1);
    CHECK_THROWS_AS(reducer.add_row(2, cells.data()), std::out_of_range);
    CHECK_THROWS_AS(reducer.merge(Reducer(ReduceOp::kSum, 3, 3)), std::invalid_argument);
    std::vector<uint32_t> ids{5};
    std::vector<double> q(3, 0.5), out(3);
    QueryBudget budget(100);
    CHECK_THROWS_AS(quantile_columns({cells.data(), 3, ids, 1}, q.data(), budget, out.data()),
                    std::out_of_range);
    LabelSets rows;
    rows.add_row(Pairs{{"a", "1"}});
    std::vector<int64_t> beyond{1};
    CHECK_THROWS_AS(take_rows(rows, beyond), std::out_of_range);
}

TEST_CASE("the JSON of a matrix stays within its bound") {
    std::mt19937_64 random(3);
    for (int round = 0; round < 50; ++round) {
        LabelSets rows;
        size_t count = random() % 5, steps = random() % 20;
        for (size_t i = 0; i < count; ++i) rows.add_row(Pairs{{"quote\"", "\n\x01\\"}, {"b", "c"}});
        std::vector<double> cells(count * steps);
        double last = 0;
        for (double& v : cells) {
            if (random() % 3 > 0) last = std::bit_cast<double>(random());
            v = random() % 4 == 0 ? stale_nan() : last;
        }
        MatrixJson json(rows, cells.data(), {-1 - static_cast<int64_t>(random() % 1000000), 1, steps},
                        {0, rows.rows()});
        std::unique_ptr<char[]> out(new char[json.bound()]);
        char* end = json.write(out.get());
        REQUIRE(end <= out.get() + json.bound());
        REQUIRE(end[-1] == ']');
    }
}

TEST_CASE("the JSON of raw samples stays within its bound") {
    std::mt19937_64 random(5);
    for (int round = 0; round < 50; ++round) {
        LabelSets rows;
        std::vector<uint64_t> offsets{0};
        for (size_t i = random() % 5; i > 0; --i) {
            rows.add_row(Pairs{{"quote\"", "\n\x01\\"}, {"b", "c"}});
            offsets.push_back(offsets.back() + random() % 9);
        }
        std::vector<int64_t> times(offsets.back());
        std::vector<double> values(offsets.back());
        for (int64_t& t : times) t = static_cast<int64_t>(random());
        for (double& v : values) v = std::bit_cast<double>(random());
        SamplesJson json(rows, offsets, times.data(), values.data());
        std::unique_ptr<char[]> out(new char[json.bound()]);
        char* end = json.write(out.get());
        REQUIRE(end <= out.get() + json.bound());
        REQUIRE(end[-1] == ']');
    }
}

TEST_CASE("numbers of every size fit their room and read back") {
    std::mt19937_64 random(11);
    for (int i = 0; i < 200000; ++i) {
        auto v = std::bit_cast<double>(random());
        if (i % 2) v = static_cast<double>(static_cast<int64_t>(random() % 2000000) - 1000000) / 1e4;
        std::unique_ptr<char[]> room(new char[kNumberSpace]);
        std::string text(room.get(), write_value(room.get(), v));
        REQUIRE(text.size() <= 32);
        if (std::isfinite(v)) REQUIRE(std::strtod(text.c_str(), nullptr) == v);
        if (i % 100 == 0) write_plain(room.get(), v);
    }
}
