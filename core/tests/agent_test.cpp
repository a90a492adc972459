#include "head/agent.h"

#include <doctest/doctest.h>

#include "head/replay.h"

using namespace narthex;

namespace {

uint64_t add(Agent& agent, std::string_view name) {
    std::vector<TextPair> labels{{"__name__", name}};
    return agent.series(labels);
}

std::vector<uint8_t> commit(const std::shared_ptr<Agent>& agent, std::vector<uint64_t> refs,
                            std::vector<int64_t> ts, size_t position, std::vector<uint8_t>& statuses) {
    AgentTransaction tx(agent);
    std::vector<uint64_t> values(refs.size(), 7);
    statuses.assign(refs.size(), 9);
    tx.append(refs, ts, values, {}, statuses);
    auto log = tx.encode(position);
    tx.apply();
    return log;
}

}  // namespace

TEST_CASE("an agent's log replays into an agent and into a head") {
    auto agent = std::make_shared<Agent>(0);
    uint64_t a = add(*agent, "a"), b = add(*agent, "b");
    std::vector<uint8_t> statuses;
    auto log = commit(agent, {a, b, a}, {1000, 1000, 2000}, 0, statuses);
    CHECK(statuses == std::vector<uint8_t>{0, 0, 0});
    auto more = commit(agent, {a, b, 99}, {2000, 1001, 5}, log.size(), statuses);
    CHECK(statuses == std::vector<uint8_t>{3, 0, 5});
    log.insert(log.end(), more.begin(), more.end());

    Agent again(0);
    ReplayCounts counts = again.segment(log, {});
    CHECK(counts.faults == 0);
    CHECK(counts.series == 2);
    CHECK(counts.samples == 4);
    CHECK(add(again, "b") == b);
    CHECK(add(again, "c") == b + 1);

    auto head = std::make_shared<Head>(7'200'000);
    CHECK(HeadReplay(head).segment(log, {}).samples == 4);
    CHECK(head->stats().max_time == 2000);
}

TEST_CASE("an agent forgets series without new samples, with the aliases that a log brought") {
    SeriesRecord record;
    for (uint64_t ref : {5, 9}) {
        record.begin(ref, 1);
        record.label("__name__", "a");
    }
    WalWriter log(0);
    log.record(record.bytes());
    auto agent = std::make_shared<Agent>(0);
    agent->segment(log.bytes(), {});
    CHECK(agent->refs() == std::vector<uint64_t>{5, 9});
    std::vector<uint8_t> statuses;
    commit(agent, {9}, {1000}, 0, statuses);
    CHECK(statuses == std::vector<uint8_t>{0});
    CHECK(agent->truncate(1000).empty());
    CHECK(agent->truncate(1001) == std::vector<uint64_t>{5, 9});
    CHECK(agent->stats().removed == 1);
    CHECK(add(*agent, "a") == 10);
}
