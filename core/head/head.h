// The head: the newest samples of every series, in memory. Times are milliseconds.
//
// Safe for use by several threads: appends hold an exclusive lock for as long as it takes to copy a batch in,
// selections a shared one for as long as it takes to copy open chunks out, a truncation either for a few
// milliseconds at a time. Chunks that are closed are shared with the selections that hold them and are never
// moved or changed.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chunk/series_batch.h"
#include "head/closed_chunks.h"
#include "head/exemplars.h"
#include "head/fair_mutex.h"
#include "head/open_chunks.h"
#include "head/open_transactions.h"
#include "head/table.h"
#include "labels/text_list.h"
#include "labels/value_texts.h"
#include "wal/records.h"

namespace narthex {

inline constexpr int64_t kMinTime = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kMaxTime = std::numeric_limits<int64_t>::max();

// storage.contract.AppendStatus
enum class AppendStatus : uint8_t {
    kOk = 0,
    kDuplicateSame = 1,
    kDuplicate = 2,
    kOutOfOrder = 3,
    kOutOfBounds = 4,
    kUnknownRef = 5,
    kTooOld = 6,
};

struct HeadEncoding {
    bool xor2 = false;              // floats: else XOR
    bool histogram_starts = false;  // histograms: encodings 5 and 6, else 2 and 3
    bool store_starts = false;      // keep start times of samples; else they are dropped
    bool start_zeros = false;       // begin series anew with a zero at the start time, see HeadTransaction
};

// Which samples of the head: all, those that came in order, the out-of-order ones that are being compacted,
// or those of series that ended.
enum class HeadPart : uint8_t { kAll, kInOrder, kCompacting, kStale };

// How late samples were, in classes of growing delay (seconds), the last one open.
inline constexpr std::array<int64_t, 7> kDelays{600, 1800, 3600, 7200, 10800, 21600, 43200};

struct HeadStats {
    size_t series = 0;
    size_t chunks = 0;
    size_t label_pairs = 0;
    size_t symbol_bytes = 0;
    size_t chunk_bytes = 0;       // closed chunks that are not mapped from a file
    int64_t min_time = kMaxTime;  // of samples in order; kMaxTime and kMinTime when there is none
    int64_t max_time = kMinTime;
    int64_t out_of_order_min_time = kMaxTime;  // the same of the others
    int64_t out_of_order_max_time = kMinTime;
    int64_t min_valid_time = kMinTime;
    uint64_t last_ref = 0;
    uint64_t created = 0;
    uint64_t removed = 0;
    uint64_t out_of_order = 0;
    uint64_t out_of_bounds = 0;
    uint64_t histograms_out_of_order = 0;
    uint64_t histograms_out_of_bounds = 0;
    uint64_t too_old = 0;
    uint64_t histograms_too_old = 0;
    uint64_t appended = 0;
    uint64_t histograms_appended = 0;
    uint64_t out_of_order_appended = 0;
    uint64_t histograms_out_of_order_appended = 0;
    std::array<uint64_t, kDelays.size() + 1> delays{};  // of samples behind the head's newest, by class
    int64_t delay_sum = 0;                              // milliseconds
    uint64_t chunks_created = 0;
    uint64_t chunks_removed = 0;
    uint64_t transactions = 0;       // begun so far
    uint64_t open_transactions = 0;  // of these, under way
    size_t stale_series = 0;         // whose newest sample is a stale marker
    size_t histogram_series = 0;     // whose newest sample is a native histogram
    size_t histogram_buckets = 0;    // of the newest samples of those
};

// What planning saw: series created later, or a table rebuilt since, must not slip into its answer.
struct HeadView {
    uint64_t generation;
    uint32_t series;
};

// A name or name=value with a number, for the statistics page.
struct HeadCount {
    std::string name;
    std::string value;
    uint64_t count;
};

class HeadTransaction;
class HeadReplay;
class HeadSnapshot;
class LabelRows;
class StaleSeries;

class Head {
  public:
    // Chunks are cut at multiples of chunk_range, which must be in [1, 2^31); those of out-of-order samples
    // at out_of_order_cap samples, which must be in [1, 255].
    explicit Head(int64_t chunk_range, uint32_t out_of_order_cap = kOutOfOrderCap);

    // The reference of a label set, created when new. Labels may come in any order, empty values are dropped.
    // Throws std::invalid_argument on no label or a repeated name.
    uint64_t series(std::span<const TextPair> labels);
    std::vector<uint64_t> series(const LabelSets& sets);

    // How many exemplars are kept, 0: none. The newest stay.
    void set_max_exemplars(size_t count);
    // use(packed series labels, t, value, packed labels), see ExemplarRing::each.
    template <typename Use>
    void exemplars(int64_t mint, int64_t maxt, Use&& use) const {
        std::shared_lock lock(mutex_);
        exemplars_.each(mint, maxt, use);
    }
    ExemplarStats exemplar_stats() const;
    std::optional<SeriesMetadata> metadata(uint64_t ref) const;

    HeadView view() const;
    // Values of a label, those with numbers from `since` on (in order of first appearance) that start with
    // `prefix`. Their ids hold as long as the view's generation.
    ValueTexts value_texts(std::string_view name, std::string_view prefix, size_t since) const;
    // The first `limit` (0: all) in byte order.
    TextList label_values(std::string_view name, size_t limit) const;
    TextList label_names(size_t limit) const;

    // Series for which all terms hold and that have a chunk overlapping [mint, maxt], with those chunks.
    // false when the view is no longer valid: plan again.
    bool select(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt, SeriesBatch& out,
                HeadPart part = HeadPart::kAll) const;
    // The same without chunks; `limit` of them (0: all), not the first in order.
    bool select_labels(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                       size_t limit, LabelSets& out) const;

    // Label names, or values of one label, of those series; the first `limit` (0: all) in byte order.
    bool matching_names(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                        size_t limit, TextList& out) const;
    bool matching_values(HeadView view, std::string_view name, std::span<const MatchTerm> terms, int64_t mint,
                         int64_t maxt, size_t limit, TextList& out) const;

    HeadStats stats() const;
    // The `limit` largest counts: series a value of `name`; values, and bytes of values, a label; series a
    // pair.
    struct Cardinality {
        std::vector<HeadCount> series_by_value, values_by_label, bytes_by_label, series_by_pair;
    };
    Cardinality cardinality(std::string_view name, size_t limit) const;

    // Samples older than what is taken in order are taken when they are at most `window` older than the
    // newest of all; 0: none are.
    void set_out_of_order_window(int64_t window);
    // Closes all out-of-order chunks; those and the ones closed before are from now on HeadPart::kCompacting,
    // until end_out_of_order_compaction() forgets them. Gives their first and last time; (kMaxTime, kMinTime)
    // when there is none. May be called again without the other.
    std::pair<int64_t, int64_t> begin_out_of_order_compaction();
    void end_out_of_order_compaction();
    // Nothing before mint is accepted in order from now on.
    void set_min_valid_time(int64_t mint);
    // Drops chunks that end before mint, then series without samples that nobody asked for in this epoch.
    // Gives the references of dropped series.
    std::vector<uint64_t> truncate(int64_t mint);

    // Closed chunks on their way into files, a page at a time; see ClosedChunks. One thread at a time.
    std::vector<ClosedChunks::UnwrittenPage> unwritten_chunks();
    void chunks_written(uint32_t page, uint32_t file, uint32_t position);
    size_t map_chunks(uint32_t file, std::shared_ptr<const void> owner, std::span<const uint8_t> bytes);
    // The oldest file that is needed, `none` when none is.
    uint32_t oldest_chunk_file(uint32_t none) const;

    // Series that were asked for before now need not be kept any more, if they have no samples and no
    // transaction is open since then. Truncations do the same at their end.
    void end_epoch() { transactions_->next_epoch(); }

    // All references that stand for a series, replayed aliases included.
    std::vector<uint64_t> refs() const;

    // How chunks are encoded that begin from now on. Throws std::invalid_argument when start times are to be
    // kept in XOR chunks.
    void set_encoding(const HeadEncoding& encoding);
    // Whether the log keeps start times, in records that old servers do not know.
    bool stores_starts() const { return store_starts_.load(std::memory_order_relaxed); }

  private:
    friend class HeadDeletion;
    friend class HeadTransaction;
    friend class HeadReplay;
    friend class HeadSnapshot;
    friend class StaleSeries;

    std::vector<uint64_t> sweep(int64_t mint);
    void rebuild();

    // Whether a chunk of the series has a part of [mint, maxt]. Expects a lock.
    bool overlaps(const Series& s, int64_t mint, int64_t maxt, HeadPart part = HeadPart::kAll) const;
    // Whether the newest sample is a stale marker and nothing is out of order. Expects a lock.
    bool has_ended(const Series& s) const;
    // nullptr: the series has no out-of-order samples. Expects a lock.
    const OutOfOrder* out_of_order(const Series& s) const;
    // Of samples in order; nullptr: none is deleted. Expects a lock.
    const Intervals* deleted(const Series& s) const;
    Interval range_of(const Series& s) const;
    // Slots of series for which all terms hold. false: see select.
    bool match(HeadView view, std::span<const MatchTerm> terms, std::vector<uint32_t>& slots) const;
    // The values (symbols) of a label that some series have: by looking at the first `count` values, where
    // `matched` says which series (empty: all of the view), or at the series. May repeat them.
    bool each_value(HeadView view, uint32_t name, size_t count, const std::vector<bool>& matched,
                    int64_t mint, int64_t maxt, std::vector<uint32_t>& values) const;
    bool each_series(HeadView view, uint32_t name, std::span<const uint32_t> slots, int64_t mint,
                     int64_t maxt, std::vector<uint32_t>& values) const;
    template <typename Keep>
    bool copy_labels(HeadView view, std::span<const uint32_t> slots, std::optional<LabelRows>& rows,
                     Keep&& keep) const;
    // Calls use(first, last) for slices of [0, n), each under the shared lock: a walk over everything does
    // not hold up a commit. false, and the rest is left, once the table is another one than at `generation`.
    template <typename Use>
    bool in_slices(uint64_t generation, size_t n, Use&& use) const {
        for (size_t first = 0; first < n; first += kSlice) {
            std::shared_lock lock(mutex_);
            if (generation != generation_) return false;
            use(first, std::min(n, first + kSlice));
        }
        return true;
    }
    static constexpr size_t kSlice = 4096;

    // The methods below expect the exclusive lock.
    uint32_t create_or_find(std::span<const LabelPair> pairs, uint64_t ref);
    void append(Series& s, int64_t t, int64_t start, uint64_t bits);
    void append_xor2(Series& s, int64_t t, int64_t start, uint64_t bits);
    // Whether a float at t, which takes up to `widest` bytes, is to begin a new chunk.
    bool is_due(Series& s, int64_t t, size_t widest);
    void append(Series& s, int64_t t, int64_t start, const HistogramView& value);
    // Takes an out-of-order sample (bits of a float, or a HistogramView); false when its chunk has one at
    // that time.
    template <typename Value>
    bool insert(Series& s, int64_t t, int64_t start, const Value& value);
    // Where the next one goes.
    OutOfOrder& open_out_of_order(Series& s);
    void close_out_of_order(const Series& s, OutOfOrder& late);
    template <typename Use>
    void each_out_of_order(Use&& use);
    void note_times(const OutOfOrder& late);
    void mark_deleted(Series& s, Interval interval);
    // Forgets what ended before mint.
    void forget_deleted(Series& s, int64_t mint);
    void take_out(Series& s, Interval interval);
    void rewrite_late_chunk(const Series& s, OutOfOrder& late, Interval interval);
    // A float where the newest chunk is none of XOR floats. false: that is closed now, append as usual.
    bool append_elsewhere(Series& s, int64_t t, int64_t start, uint64_t bits);
    // Notes the newest sample of a series that has one; `bits` are those of a float or of a histogram's sum.
    void set_newest(Series& s, int64_t t, uint64_t bits);
    void begin_chunk(Series& s, int64_t t, uint8_t encoding);
    // How long after t its chunk range ends.
    uint32_t range_after(int64_t t) const;
    // Whether a sample at t is to begin a new chunk for the sake of size or range.
    bool is_due(Series& s, OpenHistogram& open, int64_t t) const;
    void close_chunk(Series& s);
    // Frees the open chunk.
    void release_open(Series& s);
    // The newest sample is a histogram of so many buckets.
    void count_histogram(Series& s, size_t buckets);
    // The newest sample is a float, or unknown.
    void uncount_histogram(Series& s);
    // The newest sample is gone, or unknown.
    void forget_newest(Series& s);
    bool newest_is_histogram(const Series& s) const { return s.has_samples() && is_histogram(s.encoding); }
    bool same_as_newest(const Series& s, const HistogramView& value) const;
    std::span<const uint8_t> open_elsewhere(const Series& s) const;
    int64_t drop_chunks(Series& s, int64_t mint);
    void forget_references(std::vector<uint64_t>& dropped, size_t first);

    int64_t appendable_from() const;

    const int64_t chunk_range_;
    const uint32_t out_of_order_cap_;
    int64_t window_ = 0;
    mutable FairMutex mutex_;
    SeriesTable table_;
    OpenChunks open_;
    ClosedChunks closed_;
    std::vector<uint64_t> unlogged_;                      // created, but in no log record yet
    std::vector<std::pair<uint64_t, uint64_t>> aliases_;  // replayed reference, the series' own reference
    std::shared_ptr<OpenTransactions> transactions_ = std::make_shared<OpenTransactions>();
    std::mutex truncating_;
    int64_t oldest_append_ = kMaxTime;  // since the last truncation began
    size_t forgotten_ = 0;              // series in the table that are removed
    uint64_t generation_ = 0;           // counts tables
    uint64_t removals_ = 0;             // counts what may have changed the slot of a reference
    uint64_t version_ = 0;              // counts commits and truncations
    HeadStats counts_;
    void set_metadata(Series& s, SeriesMetadata metadata);
    // Of a series, packed; and the other way round: nullptr when there is none.
    std::string labels_of(const Series& s) const;
    const Series* series_of(std::string_view packed) const;

    ExemplarRing exemplars_;
    HeadEncoding encoding_;
    std::atomic<bool> store_starts_{false};
    // Of floats and of histograms.
    std::atomic<uint64_t> out_of_order_[2]{};
    std::atomic<uint64_t> out_of_bounds_[2]{};
    std::atomic<uint64_t> too_old_[2]{};
    std::array<std::atomic<uint64_t>, kDelays.size() + 1> delays_{};
    std::atomic<int64_t> delay_sum_{0};
};

}  // namespace narthex
