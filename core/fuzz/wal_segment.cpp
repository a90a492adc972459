// Log segments from anywhere. The first byte chooses between the raw bytes as a segment and sound frames
// around records (a length byte before each), so that record decoders are reached, too. Replay and checkpoint
// must end without a crash, as must sending, and agree with each other on what can be read; what is salvaged
// is sound.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "head/agent.h"
#include "head/head.h"
#include "head/replay.h"
#include "outbox/outbox.h"
#include "wal/checkpoint.h"
#include "wal/pages.h"

using namespace narthex;

namespace {

// Everything goes out, whatever the shards have room for, and nothing is left unacknowledged.
void send_all(std::span<const uint8_t> segment, bool second_version) {
    Outbox outbox({.second_version = second_version, .exemplars = true, .histograms = true}, {{"a", "1"}}, 2);
    size_t at = 0;
    Outbox::Reading reading;
    do {
        reading = outbox.read({segment, at, {1, 0}, true}, false, 8, INT64_MIN, {});
        at = reading.end;
        for (size_t shard = 0; shard < 2; ++shard) {
            while (auto batch = outbox.take(shard, 5)) {
                auto half = batch->split();
                if (batch->encode().empty() || (half && half->encode().empty())) std::abort();
            }
        }
    } while (reading.stop == Outbox::Stop::kFull);
    if (reading.stop != Outbox::Stop::kEnd || outbox.acknowledged().offset != segment.size()) std::abort();
    outbox.forget_before(2);
    if (outbox.series() != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::span<const uint8_t> segment(data + 1, size - 1);
    WalWriter framed(0);
    if (data[0] & 1) {
        while (!segment.empty()) {
            size_t n = std::min<size_t>(segment[0], segment.size() - 1);
            framed.record(segment.subspan(1, n));
            segment = segment.subspan(1 + n);
        }
        segment = framed.bytes();
    }
    auto head = std::make_shared<Head>(7'200'000);
    head->set_max_exemplars(16);
    ReplayCounts counts = HeadReplay(head).segment(segment, {});
    if (counts.fault.empty() != (counts.good_end == segment.size()) && counts.fault.empty()) std::abort();
    send_all(segment, data[0] & 2);
    Agent agent(0);
    ReplayCounts seen = agent.segment(segment, {});
    // It passes over records that a head looks into.
    if (seen.faults > counts.faults || seen.series != counts.series) std::abort();
    agent.truncate(0);
    WalWriter agent_sound(0);
    Agent(0).segment(segment, {}, &agent_sound);
    if (Agent(0).segment(agent_sound.bytes(), {}).faults != 0) std::abort();
    SeriesBatch batch;
    if (!head->select(head->view(), {}, kMinTime, kMaxTime, batch)) std::abort();
    std::vector<int64_t> ts;
    std::vector<double> vs;
    HistogramColumns histograms;
    uint64_t samples = 0;
    for (size_t i = 0; i < batch.rows(); ++i) {
        decode_row(batch, i, kMinTime, kMaxTime, ts, vs);
        decode_histograms(batch, i, kMinTime, kMaxTime, histograms);
        samples += ts.size() + histograms.size();
    }
    uint64_t taken = counts.samples + counts.histograms;
    if (counts.tombstones == 0 ? samples != taken : samples > taken) std::abort();
    if (counts.fault.empty() != (counts.faults == 0)) std::abort();
    WalWriter sound(0);
    HeadReplay(head).segment(segment, {}, &sound);
    auto repaired = std::make_shared<Head>(7'200'000);
    ReplayCounts second = HeadReplay(repaired).segment(sound.bytes(), {});
    if (second.faults != 0 || second.samples + second.histograms > taken) std::abort();
    Checkpoint checkpoint(head->refs(), 0);
    checkpoint.segment(segment, {});
    checkpoint.finish();
    auto kept = checkpoint.take();
    auto again = std::make_shared<Head>(7'200'000);
    if (!HeadReplay(again).segment(kept, {}).fault.empty()) std::abort();
    return 0;
}
