#include "wal/pages.h"

#include <algorithm>

#include "bytes/crc32c.h"
#include "bytes/reader.h"
#include "bytes/snappy.h"

namespace narthex {

namespace {

enum Fragment : uint8_t { kPadding = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
constexpr uint8_t kFragmentMask = 7;
constexpr uint8_t kSnappy = 1 << 3;
constexpr uint8_t kZstd = 1 << 4;

void store_be(uint8_t* p, uint64_t v, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) p[i] = static_cast<uint8_t>(v >> (8 * (bytes - 1 - i)));
}

}  // namespace

void WalWriter::record(std::span<const uint8_t> plain) {
    std::span<const uint8_t> data = plain;
    uint8_t flags = 0;
    compressed_.clear();
    snappy_encode(plain, compressed_);
    if (compressed_.size() < plain.size()) {
        data = compressed_;
        flags = kSnappy;
    }
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

void WalReader::fail(const char* what) const {
    throw DecodeError(what, at_);
}

// Between records: a type byte 0 ends the page, as does too little room for a header.
void WalReader::skip_padding() {
    while (at_ < data_.size()) {
        size_t left = kWalPage - at_ % kWalPage;
        if (left >= kWalHeader && data_[at_] != kPadding) return;
        size_t end = std::min(at_ + left, data_.size());
        for (size_t i = at_; i < end; ++i) {
            if (data_[i] != 0) {
                at_ = i;
                fail("unexpected byte in page padding");
            }
        }
        at_ = end;
    }
}

// One fragment; `single` views its bytes, `whole` collects them when there are several.
bool WalReader::fragment(std::vector<uint8_t>& whole, uint8_t& flags, bool first, bool& last,
                         std::span<const uint8_t>& single) {
    skip_padding();
    if (at_ == data_.size()) {
        if (!first) fail("segment ends inside a record");
        return false;
    }
    size_t left = std::min(kWalPage - at_ % kWalPage, data_.size() - at_);
    if (left < kWalHeader) fail("fragment header is cut");
    const uint8_t* p = data_.data() + at_;
    uint8_t type = p[0] & kFragmentMask;
    size_t n = load_be16(p + 1);
    if ((p[0] & ~(kFragmentMask | kSnappy | kZstd)) != 0 || type > kLast) fail("unknown fragment type");
    if (first != (type == kFull || type == kFirst)) fail("fragments are out of order");
    if (n > left - kWalHeader) fail("fragment runs past its page");
    single = {p + kWalHeader, n};
    if (crc32c(single) != load_be32(p + 3)) fail("checksum mismatch");
    if (first) flags = p[0] & (kSnappy | kZstd);
    last = type == kFull || type == kLast;
    if (!(first && last)) {
        if (n > kWalMaxRecord - whole.size()) fail("record is too long");
        whole.insert(whole.end(), single.begin(), single.end());
    }
    at_ += kWalHeader + n;
    return true;
}

bool WalReader::next(std::span<const uint8_t>& record) {
    whole_.clear();
    uint8_t flags = 0;
    std::span<const uint8_t> single;
    bool last = false;
    if (!fragment(whole_, flags, true, last, single)) {
        good_end_ = at_;
        return false;
    }
    bool one = last;
    while (!last) fragment(whole_, flags, false, last, single);
    record = one ? single : std::span<const uint8_t>(whole_);
    if (flags == kSnappy) {
        snappy_decode(record, kWalMaxRecord, plain_);
        record = plain_;
    } else if (flags == kZstd) {
        if (!zstd_) fail("record is compressed with zstd");
        zstd_(record, kWalMaxRecord, plain_);
        record = plain_;
    } else if (flags != 0) {
        fail("record claims two compressions");
    }
    good_end_ = at_;
    return true;
}

}  // namespace narthex
