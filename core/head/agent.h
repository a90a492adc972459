// The series of a server that only forwards: label sets, and when each got its newest sample. The samples
// themselves are in the log alone. Times are milliseconds. Safe for use by several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chunk/histogram_batch.h"
#include "head/exemplars.h"
#include "head/fair_mutex.h"
#include "head/head.h"
#include "head/label_table.h"
#include "head/open_transactions.h"
#include "head/segment_replay.h"
#include "wal/pages.h"

namespace narthex {

struct AgentSeries {
    uint64_t ref = 0;
    int64_t t = kMinTime;  // newest sample
    const uint32_t* values = nullptr;
    uint32_t names = 0;
    uint32_t hash = 0;
    uint8_t touched = 0;  // see Series
};

struct AgentStats {
    size_t series = 0;
    uint64_t created = 0;
    uint64_t removed = 0;
    uint64_t out_of_order = 0;
};

class Agent {
  public:
    // A sample may be older than the series' newest one by less than `window`. `store_starts`: keep start
    // times, in records that old servers do not know. `start_zeros`: a sample whose start lies between the
    // series' newest one and its own time brings a sample of zero at it.
    explicit Agent(int64_t window, bool store_starts = false, bool start_zeros = false);

    // The reference of a label set, created when new. Throws std::invalid_argument on no label or a repeated
    // name.
    uint64_t series(std::span<const TextPair> labels);
    std::vector<uint64_t> series(const LabelSets& sets);

    AgentStats stats() const;
    // Forgets series without a sample at or after mint that no running transaction waits for; gives their
    // references, replayed aliases included.
    std::vector<uint64_t> truncate(int64_t mint);
    // All references that stand for a series, replayed aliases included.
    std::vector<uint64_t> refs() const;

    // A log segment, in order: brings series and the times of their newest samples. See replay_segment.
    ReplayCounts segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd, WalWriter* sound = nullptr);

  private:
    friend class AgentTransaction;

    // The methods below expect the exclusive lock.
    uint32_t create_or_find(std::span<const LabelPair> pairs, uint64_t ref);
    void replay_record(std::span<const uint8_t> record, ReplayCounts& counts);
    void replay_series(uint64_t ref, std::span<const TextPair> labels, ReplayCounts& counts);
    bool replay_sample(uint64_t ref, int64_t t, ReplayCounts& counts);
    void rebuild(const std::vector<bool>& dead);

    bool takes(const AgentSeries& s, int64_t t) const {
        return s.t < kMinTime + window_ || t > s.t - window_;
    }

    const int64_t window_;
    const bool store_starts_;
    const bool start_zeros_;
    mutable FairMutex mutex_;
    LabelTable<AgentSeries> table_;
    std::shared_ptr<OpenTransactions> transactions_ = std::make_shared<OpenTransactions>();
    std::vector<uint64_t> unlogged_;                      // created, but in no log record yet
    std::vector<std::pair<uint64_t, uint64_t>> aliases_;  // replayed reference, the series' own reference
    std::unordered_map<uint64_t, std::string> newest_exemplars_;  // by reference, packed with time and value
    uint64_t last_ref_ = 0;
    uint64_t generation_ = 0;  // counts tables
    AgentStats counts_;
    std::atomic<uint64_t> out_of_order_{0};
};

// The order is append* -> encode -> (the caller writes the log) -> apply, as in HeadTransaction. A sample is
// judged against what was committed before it, not against the rest of its own transaction.
class AgentTransaction {
  public:
    explicit AgentTransaction(std::shared_ptr<Agent> agent);

    // Judges and keeps columns of equal length; one AppendStatus a sample. `starts` may be empty.
    void append(std::span<const uint64_t> refs, std::span<const int64_t> ts, std::span<const uint64_t> values,
                std::span<const int64_t> starts, std::span<uint8_t> statuses);
    // The same for histograms; the status of a faulty one is its HistogramFault.
    void append(std::span<const uint64_t> refs, std::span<const int64_t> ts, const HistogramBatch& values,
                std::span<const int64_t> starts, std::span<uint8_t> statuses);

    // Exemplars, whose labels are the rows of `labels`; one ExemplarStatus each. Only one that equals the
    // newest of its series is left out: the log is all there is of them.
    void append_exemplars(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                          std::span<const double> values, const LabelSets& labels,
                          std::span<uint8_t> statuses);

    // Framed records of series that no record holds yet, then of the samples. Samples of series that are gone
    // meanwhile are dropped. Empty when there is nothing to log.
    std::vector<uint8_t> encode(size_t position, WalCompression compression = {});

    size_t exemplars() const { return exemplars_.size(); }

    // Notes the times of what was logged; gives how many samples were.
    struct Applied {
        size_t floats = 0, histograms = 0;
    };
    Applied apply();

  private:
    static constexpr uint32_t kFloat = 0xffffffff;
    struct Sample {
        uint64_t ref;
        int64_t t;
        uint64_t bits;       // of a float
        int64_t start;       // 0: unknown
        uint32_t histogram;  // in histograms_, or kFloat
    };

    // `zero`: whether the sample brings one at its start.
    AppendStatus judge(uint64_t ref, int64_t t, int64_t start, RefMap::Cursor& cursor, uint64_t& out_of_order,
                       bool& zero);
    void check(size_t n, size_t ts, size_t values, size_t starts, size_t statuses) const;

    struct Exemplar {
        uint64_t ref;
        int64_t t;
        double value;
        std::string labels;  // packed
    };

    std::shared_ptr<Agent> agent_;
    OpenTransactions::Ticket ticket_;
    std::vector<Exemplar> exemplars_;
    std::vector<Sample> samples_;  // accepted
    HistogramColumns histograms_;
    size_t logged_series_ = 0;
};

}  // namespace narthex
