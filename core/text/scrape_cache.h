// One target's memory of its last body. A body is scanned against it, a text line by line: a line whose
// series text stands where it stood last time costs a memory compare and a number parse; one that moved costs
// a hash lookup; only a line never seen comes up to the caller, who gives it a reference. A protobuf body
// goes the same way, family by family and metric by metric (exposition/protobuf_scan.h).
//
// The life of one scrape:
//     scan(body) -> unknown() -> assign(...) -> samples() and vanished() -> commit(), or fail().
// Nothing of a scan counts before commit. Not safe for concurrent use.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chunk/histogram_batch.h"
#include "labels/label_sets.h"
#include "text/metadata_line.h"
#include "text/series_text.h"

namespace narthex {

// References with a meaning of their own; a storage never gives them.
inline constexpr uint64_t kRefUnassigned = 0xffffffffffffffffULL;  // seen, but nobody has decided yet
inline constexpr uint64_t kRefDropped = 0xfffffffffffffffeULL;     // relabelling dropped the series
// Passes relabelling, but was not stored because the scrape is over its sample limit: counts as a sample
// after relabelling, and comes up again with the unknown ones.
inline constexpr uint64_t kRefUnstored = 0xfffffffffffffffdULL;
inline bool is_stored(uint64_t ref) {
    return ref < kRefUnstored;
}

// What becomes of histograms.
struct HistogramOptions {
    bool native = false;              // native histograms are samples; their classic series are left out
    bool classic = false;             // classic series are kept, whatever else is made of a histogram
    bool convert = false;             // classic histograms become native ones with custom buckets
    int32_t max_schema = kMaxSchema;  // native histograms of a finer resolution are reduced to this one
    // Above this number of buckets the resolution of a native histogram is reduced too; 0: no limit.
    uint64_t bucket_limit = 0;
};

struct ScanOptions {
    TextFormat format = TextFormat::kText;
    int64_t default_timestamp = 0;     // milliseconds, for lines without their own
    bool honor_timestamps = true;      // false: timestamps in the body are read and forgotten
    bool track_explicit = false;       // series with their own timestamps vanish with a stale marker too
    bool timestamps_required = false;  // a line without a timestamp of its own is an error
    bool exemplars = false;            // kept; otherwise read, checked and skipped
    bool starts = false;  // start times go with samples; OpenMetrics' _created lines are no series then
    bool type_and_unit = false;  // series have labels that say their family's type and unit
    HistogramOptions histograms;
    // A body may come in pieces, each ending with a line: only the first begins it, only the last ends it.
    // Between them `keep` is called; lines and bytes in errors count from the piece's start.
    bool first_piece = true;
    bool last_piece = true;
};

inline constexpr uint32_t kNoEntry = 0xffffffff;

struct ScanCounts {
    uint64_t samples = 0;     // sample lines, native histograms
    uint64_t histograms = 0;  // of these, native histograms
    uint64_t explicit_timestamps = 0;
    uint64_t exemplars = 0;     // read and checked
    uint64_t unknown = 0;       // series that need a reference
    uint64_t new_metadata = 0;  // lines, or families and helps in protobuf, that the scan before lacked
    bool starts = false;        // samples or histograms with a start time are among them
};

// Columns of equal length. A series may stand in them several times when its lines bear timestamps.
struct SampleColumns {
    std::vector<uint64_t> refs;
    std::vector<int64_t> timestamps;  // milliseconds
    std::vector<double> values;
    uint64_t kept = 0;  // sample lines that relabelling let pass, stored or not
    uint64_t duplicates =
        0;  // of these, lines that repeat a series of this scan without a timestamp: left out
};

// The same for native histograms.
struct HistogramSampleColumns {
    std::vector<uint64_t> refs;
    std::vector<int64_t> timestamps;
    HistogramBatch values;
    uint64_t kept = 0;
    uint64_t over_limit = 0;  // of those stored: more buckets than the limit at the coarsest resolution
};

// Start times of the samples in SampleColumns and HistogramSampleColumns, milliseconds, 0 where unknown;
// empty when all are.
struct StartColumns {
    std::vector<int64_t> samples, histograms;
};

// Exemplars of series that are stored, those of a series in the order of their times; a row of labels each.
struct ExemplarColumns {
    std::vector<uint64_t> refs;
    std::vector<int64_t> timestamps;
    std::vector<double> values;
    LabelSets labels;
};

// What a line of a text is of its metric. Buckets, counts and sums are those of a histogram that is
// converted.
enum class MetricLine : uint8_t { kNone, kValue, kCreated, kBucket, kCount, kSum };
inline bool is_histogram_part(MetricLine part) {
    return part >= MetricLine::kBucket;
}

struct FamilyMetadata {
    std::string family;
    MetricType type = MetricType::kUnknown;
    std::string help;
    std::string unit;
};

struct MetadataSize {
    uint64_t families = 0;  // that have a TYPE line
    uint64_t bytes = 0;     // of the lines
};

// A series' labels, escapes resolved, le and quantile in OpenMetrics' float form; in the order of the line,
// the name as __name__, empty values included. Labels of type and unit follow the name where these are known
// and wanted, in place of exposed ones.
using LabelStrings = std::vector<std::pair<std::string, std::string>>;

class ScrapeCache {
  public:
    // Scans a whole body. Throws DecodeError ("line N: reason at byte M"); the scan is then void and only
    // fail() may follow. An unfinished earlier scan is forgotten.
    ScanCounts scan(std::string_view body, const ScanOptions& options);
    // The same for a protobuf body of MetricFamily messages, each behind its length; options.format and
    // pieces have no meaning.
    ScanCounts scan_protobuf(std::span<const uint8_t> body, const ScanOptions& options);

    // Ids of series in this scan that need a reference, in body order: those nobody has decided about and,
    // unless left out, those that were not stored because of the sample limit. Ids hold until commit or fail.
    std::vector<uint32_t> unknown(bool with_unstored = true) const;
    // Sample lines of this scan whose series is kept already, before the unknown ones are decided.
    uint64_t known_kept() const;

    // Throws std::out_of_range for an id that is no series.
    LabelStrings labels(uint32_t id) const;
    // The same as columns, a row an id, empty values left out.
    LabelSets label_sets(std::span<const uint32_t> ids) const;
    // Ids of the series that have one of these (sorted) references.
    std::vector<uint32_t> find_refs(std::span<const uint64_t> sorted_refs) const;
    // The references of these ids. Throws std::out_of_range.
    std::vector<uint64_t> refs(std::span<const uint32_t> ids) const;
    // Throws std::out_of_range for an id that is no series or columns of unequal length.
    void assign(std::span<const uint32_t> ids, std::span<const uint64_t> refs);

    SampleColumns samples() const;
    HistogramSampleColumns histograms() const;
    StartColumns starts() const;
    ExemplarColumns exemplars() const;
    // References that the last committed scan had and this one lacks, without series that bore timestamps
    // (unless track_explicit).
    std::vector<uint64_t> vanished() const;

    // This scan becomes the last one; series it lacks are forgotten.
    void commit();
    // This scan becomes the last one, and nothing that it lacks is forgotten.
    void keep();
    // The scrape failed: gives the references that need a stale marker (the ones of the last committed scan).
    // Series that this scan brought are remembered when it was read to its end.
    std::vector<uint64_t> fail();

    // Families in body order. One that vanished stays for kMetadataScans further scans.
    std::vector<FamilyMetadata> metadata() const;
    MetadataSize metadata_size() const;
    size_t series() const;
    size_t memory_bytes() const;

    static constexpr uint32_t kMetadataScans = 10;

  private:
    friend class CacheScan;
    friend class BodyScan;
    friend class ProtobufScan;

    struct Entry {
        uint64_t ref;            // series: the reference; TYPE line and family: the MetricType
        uint32_t offset;         // of the text in arena_
        uint32_t length : 24;    // the series text, the whole line of metadata without its newline, or a key
        uint32_t kind : 3;       // LineKind
        uint32_t type : 3;       // MetricType of the family in which a text's series was met first
        uint32_t timed : 1;      // its line in the last committed scan bore a timestamp that counts
        uint32_t timed_now : 1;  // so does its line in the current scan
        uint32_t hash;
        uint32_t seen;  // the scan in which it was met last
    };
    // What hangs on what: series of a protobuf body on their metric (exposition/protobuf_keys.h), lines of a
    // text on the metric that they make together (text/line_groups.cpp). Text bodies have links only when
    // histograms are converted, start times are wanted or units are.
    struct Link {
        uint64_t serial;                      // protobuf: keys of entries that hang on this one bear it
        uint32_t parent;                      // entry that this one hangs on
        MetricLine part = MetricLine::kNone;  // what a line is of its metric
        bool swallowed = false;               // the line is no series of its own
        double bound = 0;                     // of a bucket
        uint32_t met = 0;                     // group: the scan in which it was met last
        uint32_t unit = kNoEntry;             // series of a text: the UNIT line of its family
    };
    // A line's part of the histogram `group`.
    struct PartSample {
        uint32_t group;
        int64_t timestamp;
        bool timed;
        MetricLine part;
        double bound, value;
    };
    struct Exemplars {
        std::vector<uint32_t> ids;
        std::vector<int64_t> timestamps;
        std::vector<double> values;
        LabelSets labels;
    };
    struct Histograms {
        std::vector<uint32_t> ids;
        std::vector<int64_t> timestamps;
        std::vector<int64_t> starts;  // as starts_
        std::vector<bool> over_limit;
        HistogramBatch values;
    };
    static constexpr uint32_t kNone = kNoEntry;
    static constexpr size_t kMaxText = (1 << 24) - 1;

    bool is_kept_metadata(const Entry& e) const { return scan_ - e.seen <= kMetadataScans; }
    static bool is_series(const Entry& e) {
        auto kind = static_cast<LineKind>(e.kind);
        return kind == LineKind::kSeries || kind == LineKind::kGroup;
    }
    const Entry& series_entry(uint32_t id) const;
    std::string_view text(const Entry& e) const { return {arena_.data() + e.offset, e.length}; }
    uint32_t find(std::string_view text, uint32_t hash) const;
    uint32_t insert(std::string_view text, uint32_t hash, LineKind kind);
    uint32_t insert_linked(std::string_view key, uint32_t hash, LineKind kind, uint32_t parent);
    LabelStrings text_labels(uint32_t id) const;
    LabelStrings protobuf_labels(uint32_t id) const;
    // The entry of the metric that a series of a protobuf body is of.
    uint32_t protobuf_head(uint32_t id) const;
    // Type and unit of the series' family; the unit is empty where it has none.
    std::pair<MetricType, std::string> type_and_unit(uint32_t id) const;
    FamilyMetadata protobuf_family(const Entry& e) const;
    void need_links();
    void begin_scan(const ScanOptions& options);
    void end_scan(ScanCounts& counts, std::optional<TextFormat> format);
    void insert_slot(uint32_t id);
    void rebuild_slots();
    void forget_scan();
    void reorder();
    void reorder_links(std::span<const uint32_t> from);
    void compact_arena();
    std::vector<uint64_t> live_refs(bool only_vanished) const;

    std::vector<Entry> entries_;  // [0, placed_) in the order of the last body, then metadata that lingers
    std::vector<char> arena_;
    std::vector<Link> links_;      // as many as entries, or none
    uint64_t serial_ = 0;          // of the newest link
    std::vector<uint32_t> slots_;  // open addressing on the text, power of two, kNone = free
    uint32_t placed_ = 0;
    uint32_t scan_ = 0;                                     // number of the current scan, from 1
    std::optional<TextFormat> format_ = TextFormat::kText;  // none: protobuf
    MetricType type_ = MetricType::kUnknown;                // of the family in which the last piece ended
    bool track_explicit_ = false;
    bool type_and_unit_ = false;
    bool live_ = false;  // the last scrape succeeded: its series have no stale marker yet

    // The current scan.
    bool complete_ = false;
    bool moved_ = false;           // the body's order differs from the entries'
    uint32_t known_ = 0;           // entries before this scan
    std::vector<uint32_t> order_;  // each entry met, once
    std::vector<uint32_t> ids_;    // a sample line each
    std::vector<int64_t> timestamps_;
    std::vector<double> values_;
    std::vector<int64_t> starts_;  // of the samples up to the last one that has one, 0: unknown
    std::vector<uint32_t> unknown_;
    std::vector<uint32_t> repeated_;  // ids of lines that repeat a series
    Histograms histograms_;
    std::vector<PartSample> parts_;
    Exemplars exemplars_;
};

}  // namespace narthex
