// Framing of the write-ahead log: records in fragments in pages of 32 KiB. Format: docs/formats/wal.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace narthex {

inline constexpr size_t kWalPage = 32 * 1024;
inline constexpr size_t kWalHeader = 7;
// A record lies in one segment; ours are 128 MiB, Prometheus allows 256 MB.
inline constexpr size_t kWalMaxRecord = size_t{1} << 29;

// Turns the bytes of a zstd frame into plain text. Throws DecodeError when they are none.
using ZstdDecoder =
    std::function<void(std::span<const uint8_t> compressed, size_t limit, std::vector<uint8_t>& out)>;

// Appends the zstd frame of `plain` to `out`.
using ZstdEncoder = std::function<void(std::span<const uint8_t> plain, std::vector<uint8_t>& out)>;

// How records are made shorter. Snappy unless told otherwise; zstd needs its encoder.
struct WalCompression {
    enum class Kind : uint8_t { kNone, kSnappy, kZstd };
    Kind kind = Kind::kSnappy;
    ZstdEncoder zstd;
};

// Appends framed records to a buffer that continues a segment at `position` bytes (only the place in the page
// matters).
class WalWriter {
  public:
    explicit WalWriter(size_t position, WalCompression compression = {})
        : compression_(std::move(compression)), page_at_(position % kWalPage) {}

    // Compresses the record when that makes it shorter.
    void record(std::span<const uint8_t> plain);
    // Zeros up to the next page border; what a segment ends with.
    void fill_page();
    std::vector<uint8_t>& bytes() { return out_; }

  private:
    uint8_t compress(std::span<const uint8_t> plain);

    WalCompression compression_;
    std::vector<uint8_t> out_;
    std::vector<uint8_t> compressed_;
    size_t page_at_;
};

// Reads the records of one whole segment, or of a piece of it that begins at a page border.
class WalReader {
  public:
    // `zstd` may be empty: then a zstd record is a DecodeError. The first record begins at `start`.
    explicit WalReader(std::span<const uint8_t> segment, const ZstdDecoder& zstd = {}, size_t start = 0)
        : data_(segment), zstd_(zstd), at_(std::min(start, segment.size())), good_end_(at_) {}

    // The next record, uncompressed; false at the end. The view holds until the next call. Throws DecodeError
    // where the segment is torn or corrupt; good_end() then says how much of it is sound.
    bool next(std::span<const uint8_t>& record);
    // After next() threw: on to where the next record may begin, so that next() can be called again; false
    // when nothing is left. Records that the damage touches are lost, those behind it are not.
    bool skip_damage();
    // Bytes up to and including the last complete record.
    size_t good_end() const { return good_end_; }

  private:
    struct Part {
        std::span<const uint8_t> bytes;
        uint8_t flags;
        bool first, last;  // of its record
    };

    bool fragment(bool first, Part& part);
    void skip_padding();
    void decompress(uint8_t flags, std::span<const uint8_t>& record);
    [[noreturn]] void fail(const char* what, size_t resume);

    std::span<const uint8_t> data_;
    const ZstdDecoder& zstd_;
    size_t at_;
    size_t good_end_;
    size_t resume_ = 0;       // where reading may go on after the last fault
    bool searching_ = false;  // behind a fault: parts of a record whose beginning is lost are passed over
    std::vector<uint8_t> whole_;
    std::vector<uint8_t> plain_;
};

}  // namespace narthex
