#include "wal/pages.h"

#include <algorithm>

#include "bytes/crc32c.h"
#include "bytes/reader.h"
#include "bytes/snappy.h"
#include "wal/records.h"
#include "wal/sample_snappy.h"

namespace narthex {

namespace {

enum Fragment : uint8_t { kPadding = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
constexpr uint8_t kFragmentMask = 7;
constexpr uint8_t kSnappy = 1 << 3;
constexpr uint8_t kZstd = 1 << 4;
// Bytes of a record of samples from which the encoder made for those writes as few as the one for any text:
// with some hundred samples it finds less.
constexpr size_t kLongRecord = 4096;

void store_be(uint8_t* p, uint64_t v, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) p[i] = static_cast<uint8_t>(v >> (8 * (bytes - 1 - i)));
}

// Long enough for its encoder to be worth it.
bool is_samples(std::span<const uint8_t> record) {
    constexpr size_t kMin = 256;
    return record.size() >= kMin && record[0] == static_cast<uint8_t>(WalRecord::kSamples);
}

}  // namespace

// Gives the flag of compressed_, 0 when the record stays as it is.
uint8_t WalWriter::compress(std::span<const uint8_t> plain) {
    compressed_.clear();
    switch (compression_.kind) {
        case WalCompression::Kind::kNone:
            return 0;
        case WalCompression::Kind::kSnappy:
            if (is_samples(plain) && plain.size() >= kLongRecord) {
                snappy_encode_samples(plain, compressed_);
            } else {
                snappy_encode(plain, compressed_);
            }
            break;
        case WalCompression::Kind::kZstd:
            compression_.zstd(plain, compressed_);
            break;
    }
    if (compressed_.size() >= plain.size()) return 0;
    return compression_.kind == WalCompression::Kind::kSnappy ? kSnappy : kZstd;
}

void WalWriter::record(std::span<const uint8_t> plain) {
    uint8_t flags = compress(plain);
    std::span<const uint8_t> data = flags == 0 ? plain : compressed_;
    bool first = true;
    do {
        if (kWalPage - page_at_ <= kWalHeader) fill_page();
        size_t n = std::min(data.size(), kWalPage - page_at_ - kWalHeader);
        bool last = n == data.size();
        uint8_t type = first ? (last ? kFull : kFirst) : (last ? kLast : kMiddle);
        auto part = data.first(n);
        uint8_t header[kWalHeader] = {static_cast<uint8_t>(type | flags)};
        store_be(header + 1, n, 2);
        store_be(header + 3, crc32c(part), 4);
        out_.insert(out_.end(), header, header + kWalHeader);
        out_.insert(out_.end(), part.begin(), part.end());
        page_at_ = (page_at_ + kWalHeader + n) % kWalPage;
        data = data.subspan(n);
        first = false;
    } while (!data.empty());
}

void WalWriter::fill_page() {
    if (page_at_ == 0) return;
    out_.resize(out_.size() + kWalPage - page_at_);
    page_at_ = 0;
}

void WalReader::fail(const char* what, size_t resume) {
    resume_ = resume;
    throw DecodeError(what, at_);
}

bool WalReader::skip_damage() {
    at_ = resume_;
    searching_ = true;
    return at_ < data_.size();
}

// Between records: too little room for a fragment in the page, or zeros up to the end of the segment. Other
// zeros are what the disk gave for a page it had lost.
void WalReader::skip_padding() {
    auto nonzero = [&](size_t from, size_t end) {
        auto at = std::find_if(data_.begin() + static_cast<ptrdiff_t>(from),
                               data_.begin() + static_cast<ptrdiff_t>(end), [](uint8_t b) { return b != 0; });
        return static_cast<size_t>(at - data_.begin());
    };
    while (at_ < data_.size()) {
        size_t left = kWalPage - at_ % kWalPage;
        if (left >= kWalHeader && data_[at_] != kPadding) return;
        size_t end = std::min(at_ + left, data_.size());
        if (size_t bad = nonzero(at_, end); bad != end) {
            at_ = bad;
            fail("unexpected byte in page padding", end);
        }
        if (left > kWalHeader) {
            size_t next = nonzero(end, data_.size());
            if (next != data_.size()) fail("zeros before the end of the segment", next - next % kWalPage);
            end = next;
        }
        at_ = end;
    }
}

// The next fragment of a record; false at the end of the segment.
bool WalReader::fragment(bool first, Part& part) {
    skip_padding();
    if (at_ == data_.size()) {
        if (!first) fail("segment ends inside a record", at_);
        return false;
    }
    size_t left = std::min(kWalPage - at_ % kWalPage, data_.size() - at_);
    size_t page_end = at_ + left;
    if (left < kWalHeader) fail("fragment header is cut", page_end);
    const uint8_t* p = data_.data() + at_;
    uint8_t type = p[0] & kFragmentMask;
    size_t n = load_be16(p + 1);
    if ((p[0] & ~(kFragmentMask | kSnappy | kZstd)) != 0 || type > kLast)
        fail("unknown fragment type", page_end);
    part.first = type == kFull || type == kFirst;
    part.last = type == kFull || type == kLast;
    part.flags = p[0] & (kSnappy | kZstd);
    if (part.first != first && !(first && searching_)) fail("fragments are out of order", at_);
    if (n > left - kWalHeader) fail("fragment runs past its page", page_end);
    part.bytes = {p + kWalHeader, n};
    size_t end = at_ + kWalHeader + n;
    if (crc32c(part.bytes) != load_be32(p + 3)) fail("checksum mismatch", end);
    if (n > kWalMaxRecord - whole_.size()) fail("record is too long", end);
    at_ = end;
    return true;
}

bool WalReader::next(std::span<const uint8_t>& record) {
    whole_.clear();
    Part part;
    do {
        if (!fragment(true, part)) {
            good_end_ = at_;
            return false;
        }
    } while (!part.first);
    searching_ = false;
    uint8_t flags = part.flags;
    record = part.bytes;
    if (!part.last) {
        whole_.assign(part.bytes.begin(), part.bytes.end());
        while (!part.last) {
            fragment(false, part);
            whole_.insert(whole_.end(), part.bytes.begin(), part.bytes.end());
        }
        record = whole_;
    }
    resume_ = at_;
    decompress(flags, record);
    good_end_ = at_;
    return true;
}

void WalReader::decompress(uint8_t flags, std::span<const uint8_t>& record) {
    if (flags == 0) return;
    if (flags == kSnappy) {
        snappy_decode(record, kWalMaxRecord, plain_);
    } else if (flags == kZstd) {
        if (!zstd_) fail("record is compressed with zstd", at_);
        zstd_(record, kWalMaxRecord, plain_);
    } else {
        fail("record claims two compressions", at_);
    }
    record = plain_;
}

}  // namespace narthex
