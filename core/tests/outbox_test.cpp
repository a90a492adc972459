#include "outbox/outbox.h"

#include <doctest/doctest.h>

#include <bit>
#include <string>

#include "bytes/protobuf.h"
#include "bytes/snappy.h"
#include "wal/sample_records.h"

using namespace narthex;

namespace {

void log_series(WalWriter& log, uint64_t ref, const std::string& name) {
    SeriesRecord series;
    series.begin(ref, 2);
    series.label("__name__", name);
    series.label("cluster", "own");
    log.record(series.bytes());
}

void log_samples(WalWriter& log, std::initializer_list<std::pair<uint64_t, int64_t>> samples) {
    SamplesRecord record(samples.size());
    for (auto [ref, t] : samples) record.add(ref, t, std::bit_cast<uint64_t>(static_cast<double>(t)));
    log.record(record.bytes());
}

Outbox::Reading read_into(Outbox& o, const std::vector<uint8_t>& log, size_t start = 0, bool complete = false,
                          size_t capacity = 100) {
    return o.read({log, start, {7, 0}, complete}, false, capacity, INT64_MIN, {});
}

// "a=b c=d @t" for each series of a request.
std::vector<std::string> request_series(const OutboxBatch& batch) {
    std::vector<uint8_t> plain;
    snappy_decode(batch.encode(), 1 << 20, plain);
    std::vector<std::string> out;
    ProtoReader request(plain);
    while (request.next()) {
        std::string text;
        ProtoReader series = request.message();
        while (series.next()) {
            ProtoReader part = series.message();
            bool label = series.field() == 1;
            while (part.next()) {
                if (label) {
                    text += std::string(part.string()) + (part.field() == 1 ? "=" : " ");
                } else if (part.field() == 2) {
                    text += "@" + std::to_string(part.int64());
                } else {
                    part.skip();
                }
            }
        }
        out.push_back(text);
    }
    return out;
}

}  // namespace

TEST_CASE("a request has external labels where the series has none of that name, sorted") {
    Outbox o({}, {{"cluster", "other"}, {"a", "1"}}, 1);
    WalWriter log(0);
    log_series(log, 5, "up");
    log_samples(log, {{5, 10}, {5, 20}});
    CHECK(read_into(o, log.bytes()).stop == Outbox::Stop::kEnd);
    auto batch = o.take(0, 10);
    REQUIRE(batch);
    CHECK(request_series(*batch) ==
          std::vector<std::string>{"__name__=up a=1 cluster=own @10", "__name__=up a=1 cluster=own @20"});
    CHECK(batch->newest() == 20);
}

TEST_CASE("what is acknowledged is the place before the oldest record that something unsent came from") {
    Outbox o({}, {}, 2);
    WalWriter log(0);
    log_series(log, 1, "a");
    log_series(log, 2, "b");
    size_t first = log.bytes().size();
    log_samples(log, {{1, 10}});
    size_t second = log.bytes().size();
    log_samples(log, {{2, 20}});
    read_into(o, log.bytes());
    CHECK(o.acknowledged().offset == first);
    auto a = o.take(0, 10), b = o.take(1, 10);
    REQUIRE((a && b));
    CHECK(o.acknowledged().offset == first);
    b.reset();
    CHECK(o.acknowledged().offset == first);  // the later one is sent, the earlier one is not
    a.reset();
    CHECK(o.acknowledged().offset == log.bytes().size());
    CHECK(o.acknowledged().segment == 7);
    CHECK(second > first);
}

TEST_CASE("each series stays in one shard, in order, when the number of shards changes") {
    Outbox o({}, {}, 3);
    WalWriter log(0);
    for (uint64_t ref = 0; ref < 12; ++ref) log_series(log, ref, "s" + std::to_string(ref));
    for (int64_t t = 1; t <= 5; ++t) {
        for (uint64_t ref = 0; ref < 12; ++ref) log_samples(log, {{ref, t}});
    }
    read_into(o, log.bytes());
    o.reshard(4);
    CHECK(o.pending() == std::vector<size_t>{15, 15, 15, 15});
    for (size_t shard = 0; shard < 4; ++shard) {
        auto batch = o.take(shard, 100);
        std::vector<int64_t> newest(12);
        for (const Entry& e : batch->entries()) {
            CHECK(e.t == newest[e.row] + 1);
            newest[e.row] = e.t;
        }
    }
}

TEST_CASE("reading stops between records when a shard is full and goes on from there") {
    Outbox o({}, {}, 1);
    WalWriter log(0);
    log_series(log, 1, "a");
    for (int64_t t = 1; t <= 10; ++t) log_samples(log, {{1, t}});
    auto reading = read_into(o, log.bytes(), 0, false, 4);
    CHECK(reading.stop == Outbox::Stop::kFull);
    CHECK(o.pending() == std::vector<size_t>{4});
    CHECK(o.take(0, 4)->size() == 4);
    reading = read_into(o, log.bytes(), reading.end, false, 100);
    CHECK(reading.stop == Outbox::Stop::kEnd);
    CHECK(o.pending() == std::vector<size_t>{6});
    CHECK(o.take(0, 1)->entries()[0].t == 5);
}

TEST_CASE("a torn record waits for the rest while its segment grows and is passed over when it does not") {
    Outbox o({}, {}, 1);
    WalWriter log(0);
    log_series(log, 1, "a");
    size_t sound = log.bytes().size();
    log_samples(log, {{1, 10}, {1, 20}, {1, 30}});
    std::vector<uint8_t> torn(log.bytes().begin(), log.bytes().end() - 3);
    auto reading = read_into(o, torn);
    CHECK(reading.stop == Outbox::Stop::kFault);
    CHECK(reading.end == sound);
    CHECK(o.counts().faults == 0);
    CHECK(read_into(o, log.bytes(), sound).stop == Outbox::Stop::kEnd);
    CHECK(o.pending() == std::vector<size_t>{3});
    CHECK(read_into(o, torn, sound, true).end == torn.size());
    CHECK(o.counts().faults == 1);
}

TEST_CASE("new series wait for labels, a dropped one stays dropped, a forgotten one is unknown") {
    Outbox o({.relabel = true}, {}, 1);
    WalWriter log(0);
    log_series(log, 1, "a");
    log_series(log, 2, "b");
    log_samples(log, {{1, 10}, {2, 10}});
    auto reading = read_into(o, log.bytes());
    CHECK(reading.stop == Outbox::Stop::kUndecided);
    std::vector<std::optional<OwnedLabels>> keep{OwnedLabels{{"n", "x"}}}, drop{std::nullopt};
    o.decide(keep);
    reading = read_into(o, log.bytes(), reading.end);
    CHECK(reading.stop == Outbox::Stop::kUndecided);
    CHECK(o.undecided().size() == 1);
    o.decide(drop);
    CHECK(read_into(o, log.bytes(), reading.end).stop == Outbox::Stop::kEnd);
    CHECK(o.counts().relabelled_away[0] == 1);
    o.forget_before(8);
    CHECK(o.series() == 0);
    CHECK(request_series(*o.take(0, 10)) ==
          std::vector<std::string>{"n=x @10"});  // what waits keeps its labels
    WalWriter more(0);
    log_samples(more, {{1, 20}});
    read_into(o, more.bytes());
    CHECK(o.counts().unknown[0] == 1);
}

TEST_CASE("a batch is halved in order and loses what is too old") {
    Outbox o({}, {}, 1);
    WalWriter log(0);
    log_series(log, 1, "a");
    for (int64_t t = 1; t <= 5; ++t) log_samples(log, {{1, t}});
    read_into(o, log.bytes());
    auto batch = o.take(0, 10);
    auto second = batch->split();
    REQUIRE(second);
    CHECK(batch->newest() == 2);
    CHECK(second->entries()[0].t == 3);
    uint64_t dropped[3] = {};
    second->drop_older(5, dropped);
    CHECK(dropped[0] == 2);
    CHECK(second->size() == 1);
    CHECK(second->split() == nullptr);
}

TEST_CASE("a request of the second version numbers its symbols and has types, help and start times") {
    Outbox o({.second_version = true, .histograms = true}, {}, 1);
    WalWriter log(0);
    log_series(log, 1, "a");
    MetadataRecord metadata;
    TextPair fields[] = {{"UNIT", "s"}, {"HELP", "how long"}};
    metadata.add(1, 1, fields);
    log.record(metadata.bytes());
    SamplesV2Record samples;
    samples.add(1, 30, 0, 25);
    log.record(samples.bytes());
    read_into(o, log.bytes());
    std::vector<uint8_t> plain;
    snappy_decode(o.take(0, 10)->encode(), 1 << 20, plain);
    std::vector<std::string> symbols;
    std::vector<uint32_t> refs;
    uint64_t start = 0, help = 0, unit = 0;
    ProtoReader request(plain);
    while (request.next()) {
        if (request.field() == 4) {
            symbols.emplace_back(request.string());
            continue;
        }
        REQUIRE(request.field() == 5);
        ProtoReader series = request.message();
        while (series.next()) {
            if (series.field() == 1) {
                series.each_uint32([&](uint32_t r) { refs.push_back(r); });
                continue;
            }
            uint32_t part = series.field();
            ProtoReader in = series.message();
            while (in.next()) {
                if (part == 2 && in.field() == 3) {
                    start = in.uint64();
                } else if (part == 5 && in.field() == 3) {
                    help = in.uint64();
                } else if (part == 5 && in.field() == 4) {
                    unit = in.uint64();
                } else {
                    in.skip();
                }
            }
        }
    }
    REQUIRE(refs.size() == 4);
    CHECK(symbols[0].empty());
    CHECK(symbols[refs[0]] == "__name__");
    CHECK(symbols[refs[1]] == "a");
    CHECK(symbols[help] == "how long");
    CHECK(symbols[unit] == "s");
    CHECK(start == 25);
}

TEST_CASE("in the second version exemplars go along with samples of their series, wherever they wait") {
    Outbox o({.second_version = true, .exemplars = true}, {}, 1);
    WalWriter log(0);
    for (uint64_t ref = 1; ref <= 3; ++ref) log_series(log, ref, "s" + std::to_string(ref));
    log_samples(log, {{1, 10}, {2, 10}, {3, 10}});
    ExemplarsRecord exemplars;
    TextPair labels[] = {{"trace_id", "x"}};
    for (uint64_t ref : {3, 1, 1}) exemplars.add(ref, 10, 0, labels);
    log.record(exemplars.bytes());
    read_into(o, log.bytes());
    // Samples and exemplars of each message.
    auto messages = [](const OutboxBatch& batch) {
        std::vector<uint8_t> plain;
        snappy_decode(batch.encode(), 1 << 20, plain);
        std::vector<std::pair<int, int>> out;
        for (ProtoReader request(plain); request.next();) {
            if (request.field() != 5) {
                request.skip();
                continue;
            }
            auto& [samples, beside] = out.emplace_back();
            for (ProtoReader series = request.message(); series.next(); series.skip()) {
                samples += series.field() == 2;
                beside += series.field() == 4;
            }
        }
        return out;
    };
    auto first = o.take(0, 2);
    CHECK(first->size() == 4);
    CHECK(messages(*first) == std::vector<std::pair<int, int>>{{1, 2}, {1, 0}});
    CHECK(o.unsent() == std::vector<uint64_t>{3, 0, 3});
    auto second = o.take(0, 2);
    CHECK(messages(*second) == std::vector<std::pair<int, int>>{{1, 1}});
    CHECK(o.pending() == std::vector<size_t>{0});
}
