// One transaction: samples are judged when they come, logged and applied when it commits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chunk/histogram_batch.h"
#include "head/head.h"
#include "wal/pages.h"

namespace narthex {

// The order is append* -> encode -> (the caller writes the log) -> apply. Used by one thread at a time;
// encode and apply of different transactions must not interleave.
class HeadTransaction {
  public:
    explicit HeadTransaction(std::shared_ptr<Head> head);

    // Judges and keeps columns of equal length; gives one status a sample. Nothing in the head changes.
    // `starts` are start times, 0 where unknown, or empty. When the head wants start zeros, a sample whose
    // start lies between the series' newest sample and its own time brings a sample of zero at it.
    void append(std::span<const uint64_t> refs, std::span<const int64_t> ts, std::span<const uint64_t> values,
                std::span<const int64_t> starts, std::span<uint8_t> statuses);
    // The same for histograms; the status of a faulty one is its HistogramFault.
    void append(std::span<const uint64_t> refs, std::span<const int64_t> ts, const HistogramBatch& values,
                std::span<const int64_t> starts, std::span<uint8_t> statuses);

    // The same for exemplars, whose labels are the rows of `labels`. A status is an ExemplarStatus.
    void append_exemplars(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                          std::span<const double> values, const LabelSets& labels,
                          std::span<uint8_t> statuses);

    // What series say they measure; kept and logged where it is news.
    void append_metadata(std::span<const uint64_t> refs, std::span<const SeriesMetadata> metadata,
                         std::span<uint8_t> statuses);

    // Framed log records of series that no record holds yet, then of the samples, for a segment that is
    // `position` bytes long. Samples that other commits have overtaken meanwhile are dropped.
    // Empty when there is nothing to log.
    std::vector<uint8_t> encode(size_t position, WalCompression compression = {});

    // The same records of the samples that are out of order, for the log of those. After encode().
    std::vector<uint8_t> encode_out_of_order(size_t position, WalCompression compression = {}) const;

    // Makes the samples visible, all at once; gives how many (those that are there already do not count). The
    // series that encode() wrote count as logged.
    struct Applied {
        size_t floats, histograms;
    };
    Applied apply();

    // Samples that wait for the commit, dropped ones excluded.
    size_t pending() const { return pending_; }

  private:
    // What the sample at an index is; its value is an index into histograms_ unless it is a float.
    enum class Kind : uint8_t { kFloat = 0, kHistogram = 1 };

    // What becomes of a sample that was not refused.
    enum Place : uint8_t { kNowhere, kInOrder, kOutOfOrder };

    AppendStatus judge(const Series& s, uint32_t index);
    bool is_ordinary(const Series& s, uint32_t index) const;
    AppendStatus judge_late(const Series& s, uint32_t index);
    void take_to(Place place, const Series& s, uint32_t index);
    // Notes whether the sample, taken in order after one at `before`, brings a zero.
    void mark_zero(uint32_t index, int64_t before);
    bool has_zero(size_t index) const {
        return index < zeros_.size() && zeros_[index] && places_[index] == kInOrder;
    }
    void count_late(size_t first, std::span<const uint8_t> statuses);
    // Makes a stale marker among floats one of histograms when the sample before it is a histogram: the one
    // at `before`, or the newest of the series.
    void end_histograms(const Series& s, uint32_t index, uint32_t before);
    void judge_again();
    // Judges the samples from `first` on.
    void take(size_t first, std::span<uint8_t> statuses);
    bool same_as_newest(const Series& s, uint32_t index) const;
    bool same(uint32_t a, uint32_t b) const;
    // The sample that was accepted in order last of the series that the one at `index` belongs to, kNone:
    // none.
    uint32_t newest_before(uint32_t index);
    uint32_t& newest_of(uint32_t slot);
    void prepare_newest();
    bool goes_on_ascending(size_t index) const {
        return index == ascending_ && (index == 0 || slots_[index - 1] < slots_[index]);
    }
    void reserve(size_t samples);
    void check_columns(size_t n, size_t ts, size_t values, size_t starts, size_t statuses) const;
    void keep(std::span<const uint64_t> refs, std::span<const int64_t> ts, std::span<const int64_t> starts);
    Kind kind(size_t index) const { return kinds_.empty() ? Kind::kFloat : kinds_[index]; }
    int64_t start(size_t index) const { return starts_.empty() ? 0 : starts_[index]; }
    HistogramView histogram(size_t index) const;
    void append_zero(Series& s, size_t index);
    void encode_metadata(WalWriter& out) const;
    void encode_exemplars(WalWriter& out) const;
    // Under the exclusive lock of the head.
    void apply_exemplars();
    void apply_metadata();
    // Samples out of order alone, or all.
    void encode_samples(WalWriter& out, bool late) const;
    void encode_floats(WalWriter& out, bool late) const;
    void encode_all(WalWriter& out, bool late) const;
    bool is_logged(size_t index, bool late) const {
        return late ? places_[index] == kOutOfOrder : places_[index] != kNowhere;
    }

    std::shared_ptr<Head> head_;
    OpenTransactions::Ticket ticket_;
    int64_t appendable_from_;
    int64_t window_;
    int64_t newest_time_;  // of the head; of the first sample when that is empty
    uint64_t removals_;
    uint64_t version_;
    std::vector<uint64_t> refs_;
    std::vector<uint32_t> slots_;
    std::vector<int64_t> ts_;
    std::vector<uint64_t> values_;
    std::vector<Place> places_;
    // Empty while all samples are floats, or have no start times.
    std::vector<Kind> kinds_;
    std::vector<int64_t> starts_;
    std::vector<bool> zeros_;  // of samples up to the last one that brings a zero, at least
    HistogramColumns histograms_;
    struct Exemplar {
        uint64_t ref;
        int64_t t;
        double value;
        std::string labels;  // packed
    };
    std::vector<Exemplar> exemplars_;
    std::vector<std::pair<uint64_t, SeriesMetadata>> metadata_;
    // So many slots from the beginning on are in ascending order, as those of a scrape are: each of them
    // once.
    size_t ascending_ = 0;
    // Of the samples behind those. Open addressing: slot -> index of its newest sample that was accepted in
    // order, kNone = free.
    std::vector<uint32_t> newest_;
    size_t pending_ = 0;
    size_t logged_series_ = 0;
};

}  // namespace narthex
