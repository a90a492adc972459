#include "head/head.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <thread>

#include "chunk/xor.h"
#include "head/replay.h"
#include "head/transaction.h"

using namespace narthex;

namespace {

constexpr int64_t kRange = 7'200'000;

uint64_t add_series(Head& head, const std::string& name, const std::string& job) {
    TextPair pairs[] = {{"__name__", name}, {"job", job}};
    return head.series(pairs);
}

AppendStatus append_one(std::shared_ptr<Head> head, uint64_t ref, int64_t t, double v) {
    HeadTransaction tx(std::move(head));
    uint64_t bits = std::bit_cast<uint64_t>(v);
    uint8_t status;
    tx.append({&ref, 1}, {&t, 1}, {&bits, 1}, {}, {&status, 1});
    tx.encode(0);
    tx.apply();
    return static_cast<AppendStatus>(status);
}

SeriesBatch select_all(const Head& head, int64_t mint = kMinTime, int64_t maxt = kMaxTime) {
    SeriesBatch out;
    REQUIRE(head.select(head.view(), {}, mint, maxt, out));
    return out;
}

}  // namespace

TEST_CASE("chunks are cut at 120 samples in the even case, at the range, and before 1024 bytes") {
    auto head = std::make_shared<Head>(kRange);
    uint64_t even = add_series(*head, "even", "a"), wild = add_series(*head, "wild", "a");
    std::mt19937_64 random(3);
    for (int64_t t = 0; t < 2 * kRange; t += 15'000) {
        CHECK(append_one(head, even, t, static_cast<double>(t)) == AppendStatus::kOk);
        CHECK(append_one(head, wild, t, std::bit_cast<double>(random())) == AppendStatus::kOk);
    }
    SeriesBatch batch = select_all(*head);
    REQUIRE(batch.rows() == 2);
    for (size_t row = 0; row < 2; ++row) {
        for (const ChunkView& c : batch.row(row)) {
            unsigned n = xor_sample_count({c.data, c.size});
            if (row == 0) CHECK(n == 120);
            CHECK(n <= 120);
            CHECK(c.size <= 1024);
            CHECK(c.mint / kRange == c.maxt / kRange);
        }
    }
    CHECK(batch.row(0).size() == 8);
}

TEST_CASE("a selection survives truncation, and truncation forgets what it should") {
    auto head = std::make_shared<Head>(kRange);
    uint64_t old_series = add_series(*head, "old", "a"), live = add_series(*head, "live", "b");
    append_one(head, old_series, 1000, 1);
    for (int64_t t = 0; t < 3 * kRange; t += 15'000) append_one(head, live, t, 1);
    SeriesBatch before = select_all(*head);
    CHECK(head->truncate(kRange).empty());  // dropped series were asked for since the last truncation
    CHECK(head->truncate(kRange) == std::vector<uint64_t>{old_series});
    HeadStats stats = head->stats();
    CHECK(stats.series == 1);
    CHECK(stats.min_time == kRange);
    CHECK(stats.removed == 1);
    std::vector<int64_t> ts;
    std::vector<double> vs;
    decode_row(before, 0, kMinTime, kMaxTime, ts, vs);
    CHECK(ts.size() == 3 * kRange / 15'000);
    SeriesBatch after = select_all(*head);
    REQUIRE(after.rows() == 1);
    decode_row(after, 0, kMinTime, kMaxTime, ts, vs);
    CHECK(ts.front() == kRange);
    CHECK(append_one(head, live, 3 * kRange, 1) == AppendStatus::kOk);
    CHECK(append_one(head, old_series, 3 * kRange, 1) == AppendStatus::kUnknownRef);
    CHECK(add_series(*head, "old", "a") != old_series);
}

TEST_CASE("a view from before a truncation is refused, and series created after a view stay out") {
    auto head = std::make_shared<Head>(kRange);
    append_one(head, add_series(*head, "a", "x"), 1, 1);
    HeadView view = head->view();
    append_one(head, add_series(*head, "b", "x"), 1, 1);
    SeriesBatch out;
    REQUIRE(head->select(view, {}, kMinTime, kMaxTime, out));
    CHECK(out.rows() == 1);
    head->truncate(100);
    head->truncate(100);
    CHECK_FALSE(head->select(view, {}, kMinTime, kMaxTime, out));
}

TEST_CASE("a sample that another commit has overtaken is dropped at commit") {
    auto head = std::make_shared<Head>(kRange);
    uint64_t ref = add_series(*head, "a", "x");
    HeadTransaction tx(head);
    int64_t t = 10;
    uint64_t bits = 0;
    uint8_t status = 9;
    tx.append({&ref, 1}, {&t, 1}, {&bits, 1}, {}, {&status, 1});
    CHECK(status == 0);
    append_one(head, ref, 20, 1);
    auto log = tx.encode(0);
    CHECK(tx.apply().floats == 0);
    CHECK(log.empty());
}

TEST_CASE("a new series outlives any number of truncations while a transaction that asked for it is open") {
    auto head = std::make_shared<Head>(kRange);
    uint64_t ref = 0;
    {
        HeadTransaction tx(head);
        ref = add_series(*head, "a", "x");
        int64_t t = 1000;
        uint64_t bits = 0;
        uint8_t status = 9;
        tx.append({&ref, 1}, {&t, 1}, {&bits, 1}, {}, {&status, 1});
        CHECK(status == 0);
        for (int i = 0; i < 5; ++i) CHECK(head->truncate(100 * i).empty());
        tx.encode(0);
        CHECK(tx.apply().floats == 1);
    }
    CHECK(head->truncate(2000).empty());
    CHECK(head->truncate(3000) == std::vector<uint64_t>{ref});
    ref = add_series(*head, "a", "y");
    CHECK(head->truncate(3000).empty());
    CHECK(head->truncate(3000) == std::vector<uint64_t>{ref});
}

TEST_CASE("replay gives back what was logged, references included") {
    auto head = std::make_shared<Head>(kRange);
    std::mt19937_64 random(4);
    std::vector<uint8_t> log;
    std::vector<uint64_t> refs;
    for (int commit = 0; commit < 40; ++commit) {
        HeadTransaction tx(head);
        if (commit % 3 == 0) {
            for (int i = 0; i < 50; ++i) {
                refs.push_back(
                    add_series(*head, "m" + std::to_string(refs.size() % 7), std::to_string(refs.size())));
            }
        }
        std::vector<int64_t> ts(refs.size(), commit * 15'000);
        std::vector<uint64_t> vs(refs.size());
        for (auto& v : vs) v = random() % 2 ? random() : std::bit_cast<uint64_t>(1.0 * commit);
        std::vector<uint8_t> statuses(refs.size());
        tx.append(refs, ts, vs, {}, statuses);
        auto bytes = tx.encode(log.size());
        log.insert(log.end(), bytes.begin(), bytes.end());
        tx.apply();
    }
    auto again = std::make_shared<Head>(kRange);
    ReplayCounts counts = HeadReplay(again).segment(log, {});
    CHECK(counts.fault.empty());
    CHECK(counts.unknown_refs == 0);
    CHECK(again->refs() == head->refs());
    SeriesBatch a = select_all(*head), b = select_all(*again);
    REQUIRE(a.rows() == b.rows());
    for (size_t i = 0; i < a.rows(); ++i) {
        REQUIRE(compare_rows(a.labels, i, b.labels, i) == 0);
        auto x = a.row(i), y = b.row(i);
        REQUIRE(x.size() == y.size());
        for (size_t k = 0; k < x.size(); ++k) {
            REQUIRE(std::equal(x[k].data, x[k].data + x[k].size, y[k].data, y[k].data + y[k].size));
        }
    }
    CHECK(add_series(*again, "new", "new") == refs.back() + 1);
}

TEST_CASE("references far apart and duplicates of a label set replay as one series") {
    SeriesRecord series;
    for (uint64_t ref : {5ULL, 1ULL << 50, 77ULL}) {
        series.begin(ref, 1);
        series.label("a", "b");
    }
    SamplesRecord samples(3);
    samples.add(5, 1, 0);
    samples.add(1ULL << 50, 2, 0);
    samples.add(77, 3, 0);
    samples.add(6, 3, 0);
    WalWriter out(0);
    out.record(series.bytes());
    out.record(samples.bytes());
    auto head = std::make_shared<Head>(kRange);
    ReplayCounts counts = HeadReplay(head).segment(out.bytes(), {});
    CHECK(counts.samples == 3);
    CHECK(counts.unknown_refs == 1);
    CHECK(head->refs() == std::vector<uint64_t>{5, 1ULL << 50, 77});
    CHECK(add_series(*head, "x", "y") == (1ULL << 50) + 1);
    append_one(head, 77, 4, 0);
    SeriesBatch batch = select_all(*head);
    std::vector<int64_t> ts;
    std::vector<double> vs;
    decode_row(batch, 0, kMinTime, kMaxTime, ts, vs);
    CHECK(ts == std::vector<int64_t>{1, 2, 3, 4});
    head->truncate(3);
    head->truncate(3);  // x is gone, so the table was rebuilt
    CHECK(append_one(head, 77, 5, 0) == AppendStatus::kOk);
}

TEST_CASE("queries during commits and truncations see whole commits") {
    auto head = std::make_shared<Head>(kRange);
    std::vector<uint64_t> refs;
    for (int i = 0; i < 64; ++i) refs.push_back(add_series(*head, "m", std::to_string(i)));
    std::atomic<bool> stop{false};
    std::atomic<int> torn{0}, selections{0};
    std::thread reader([&] {
        std::vector<int64_t> ts;
        std::vector<double> vs;
        while (!stop) {
            SeriesBatch batch;
            if (!head->select(head->view(), {}, kMinTime, kMaxTime, batch)) continue;
            ++selections;
            int64_t newest = 0;
            for (size_t i = 0; i < batch.rows(); ++i) {
                decode_row(batch, i, kMinTime, kMaxTime, ts, vs);
                if (i > 0 && ts.back() != newest) ++torn;
                newest = ts.back();
            }
        }
    });
    std::vector<uint64_t> values(refs.size());
    std::vector<uint8_t> statuses(refs.size());
    for (int64_t step = 1; step < 3000 || selections < 20; ++step) {
        HeadTransaction tx(head);
        std::vector<int64_t> ts(refs.size(), step * 5000);
        tx.append(refs, ts, values, {}, statuses);
        tx.encode(0);
        tx.apply();
        if (step % 500 == 0) {
            add_series(*head, "passing", std::to_string(step));
            head->truncate(step * 5000 - kRange);
        }
    }
    stop = true;
    reader.join();
    CHECK(torn == 0);
}

TEST_CASE("closed chunks are read from memory, then from a file, by selections before and after") {
    auto head = std::make_shared<Head>(kRange);
    uint64_t ref = add_series(*head, "a", "x");
    for (int64_t t = 0; t < kRange; t += 15'000) append_one(head, ref, t, static_cast<double>(t));
    SeriesBatch before = select_all(*head);
    auto pages = head->unwritten_chunks();
    REQUIRE(pages.size() == 1);
    auto file = std::make_shared<std::vector<uint8_t>>(kHeadChunkFileHeader);
    file->insert(file->end(), pages[0].bytes.begin(), pages[0].bytes.end());
    head->chunks_written(pages[0].page, 7, kHeadChunkFileHeader);
    CHECK(head->stats().chunk_bytes == pages[0].bytes.size());
    CHECK_THROWS_AS(head->map_chunks(7, file, std::span(*file).first(20)), std::invalid_argument);
    CHECK(head->map_chunks(7, file, *file) == 3);
    CHECK(head->stats().chunk_bytes == 0);
    CHECK(head->oldest_chunk_file(99) == 7);
    pages.clear();
    std::vector<int64_t> ts, again;
    std::vector<double> vs;
    decode_row(before, 0, kMinTime, kMaxTime, ts, vs);
    SeriesBatch after = select_all(*head);
    decode_row(after, 0, kMinTime, kMaxTime, again, vs);
    CHECK(ts.size() == kRange / 15'000);
    CHECK(ts == again);
    head->truncate(kMaxTime);
    CHECK(head->oldest_chunk_file(99) == 99);
    decode_row(after, 0, kMinTime, kMaxTime, again, vs);
    CHECK(ts == again);
    CHECK(file.use_count() == 2);  // the selection's and this one
}

TEST_CASE("commits and selections go on while truncations drop series and build tables") {
    auto head = std::make_shared<Head>(kRange);
    constexpr int kRounds = 120, kSteady = 5000, kShort = 400;
    std::vector<uint64_t> steady;
    for (int i = 0; i < kSteady; ++i) steady.push_back(add_series(*head, "steady", std::to_string(i)));
    std::atomic<bool> done = false;
    std::atomic<int64_t> now = 0;
    std::thread truncating([&] {
        for (int64_t last = 0; !done;) {  // once a round: a series that nobody uses survives one only
            if (int64_t at = now; at != last) head->truncate((last = at) - kRange);
        }
    });
    std::thread selecting([&] {
        while (!done) {
            bool stored_any = now > 0;
            SeriesBatch batch;
            std::string job = "7";
            MatchTerm term{"job", {job}};
            if (!head->select(head->view(), {&term, 1}, kMinTime, kMaxTime, batch)) continue;
            CHECK(batch.rows() == (stored_any ? 1 : batch.rows()));
        }
    });
    size_t stored = 0;
    for (int round = 0; round < kRounds; ++round) {
        int64_t t = round * int64_t{600'000};
        HeadTransaction tx(head);
        std::vector<uint64_t> refs = steady;
        for (int i = 0; i < kShort; ++i) {
            refs.push_back(add_series(*head, "short", "r" + std::to_string(round * kShort + i)));
        }
        std::vector<int64_t> ts(refs.size(), t);
        std::vector<uint64_t> values(refs.size(), std::bit_cast<uint64_t>(static_cast<double>(round)));
        std::vector<uint8_t> statuses(refs.size());
        tx.append(refs, ts, values, {}, statuses);
        CHECK(std::count(statuses.begin(), statuses.end(), 0) == static_cast<long>(refs.size()));
        tx.encode(0);
        stored += tx.apply().floats;
        now = t;
    }
    done = true;
    truncating.join();
    selecting.join();
    CHECK(stored == kRounds * (kSteady + kShort));
    for (int i = 0; i < 2; ++i) head->truncate(now - kRange);
    HeadStats stats = head->stats();
    CHECK(stats.series == kSteady + (kRange / 600'000 + 1) * kShort);
    CHECK(stats.created - stats.removed == stats.series);
    CHECK(stats.min_time > now - 2 * kRange);
    CHECK(stats.min_time <= now - kRange);
    CHECK(head->refs().size() == stats.series);
    SeriesBatch batch = select_all(*head);
    REQUIRE(batch.rows() == stats.series);
    std::vector<int64_t> ts;
    std::vector<double> vs;
    for (size_t row = 0; row < batch.rows(); ++row) {
        decode_row(batch, row, now - kRange, kMaxTime, ts, vs);
        bool steady_row = row >= batch.rows() - kSteady;
        CHECK(ts.size() == (steady_row ? kRange / 600'000 + 1 : 1));
        CHECK(vs.back() == static_cast<double>(ts.back() / 600'000));
    }
    CHECK(add_series(*head, "short", "r1") > steady.back());
}
