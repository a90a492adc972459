#include <doctest/doctest.h>

#include <random>
#include <string>

#include "bytes/error.h"
#include "bytes/snappy.h"
#include "wal/checkpoint.h"
#include "wal/pages.h"
#include "wal/records.h"

using namespace narthex;

namespace {

using Bytes = std::vector<uint8_t>;

std::vector<Bytes> read_all(std::span<const uint8_t> segment, size_t* good_end = nullptr) {
    WalReader in(segment);
    std::vector<Bytes> out;
    std::span<const uint8_t> record;
    try {
        while (in.next(record)) out.emplace_back(record.begin(), record.end());
    } catch (const DecodeError&) {
        if (good_end == nullptr) throw;
    }
    if (good_end != nullptr) *good_end = in.good_end();
    return out;
}

void store_be32(uint8_t* p, uint32_t v) {
    for (int i = 3; i >= 0; --i, v >>= 8) p[i] = static_cast<uint8_t>(v);
}

std::vector<Bytes> random_records(std::mt19937_64& random, size_t count) {
    std::vector<Bytes> records;
    for (size_t i = 0; i < count; ++i) {
        size_t sizes[] = {0, 1, random() % 100, random() % 40000, kWalPage - 7, kWalPage, 3 * kWalPage};
        Bytes r(sizes[random() % 7]);
        for (uint8_t& b : r) b = random() % 2 ? static_cast<uint8_t>(random()) : 7;
        records.push_back(std::move(r));
    }
    return records;
}

}  // namespace

TEST_CASE("records come back from pages, whatever their size and wherever the segment is taken up") {
    std::mt19937_64 random(11);
    for (int round = 0; round < 100; ++round) {
        auto records = random_records(random, 1 + random() % 12);
        Bytes segment;
        for (const Bytes& r : records) {
            WalWriter out(segment.size());  // one commit each
            out.record(r);
            segment.insert(segment.end(), out.bytes().begin(), out.bytes().end());
        }
        REQUIRE(read_all(segment) == records);
        WalWriter padded(segment.size());
        padded.fill_page();
        segment.insert(segment.end(), padded.bytes().begin(), padded.bytes().end());
        REQUIRE(segment.size() % kWalPage == 0);
        REQUIRE(read_all(segment) == records);
    }
}

TEST_CASE("a torn segment gives every complete record and says where it is sound") {
    std::mt19937_64 random(12);
    auto records = random_records(random, 8);
    WalWriter out(0);
    std::vector<size_t> ends{0};
    for (const Bytes& r : records) {
        out.record(r);
        ends.push_back(out.bytes().size());
    }
    const Bytes& whole = out.bytes();
    for (int i = 0; i < 100; ++i) {
        size_t cut = random() % whole.size();
        size_t complete = 0;
        while (complete + 1 < ends.size() && ends[complete + 1] <= cut) ++complete;
        size_t good_end = 0;
        auto got = read_all(std::span(whole).first(cut), &good_end);
        REQUIRE(got ==
                std::vector<Bytes>(records.begin(), records.begin() + static_cast<ptrdiff_t>(complete)));
        REQUIRE(good_end >= ends[complete]);
        size_t again = 0;
        REQUIRE(read_all(std::span(whole).first(good_end), &again).size() == complete);
        REQUIRE(again == good_end);
    }
}

TEST_CASE("a flipped bit never gives a wrong record") {
    std::mt19937_64 random(13);
    auto records = random_records(random, 6);
    WalWriter out(0);
    for (const Bytes& r : records) out.record(r);
    for (int i = 0; i < 150; ++i) {
        Bytes broken = out.bytes();
        broken[random() % broken.size()] ^= static_cast<uint8_t>(1 << random() % 8);
        size_t good_end = 0;
        auto got = read_all(broken, &good_end);
        size_t wrong = 0;
        for (size_t k = 0; k < got.size(); ++k) wrong += k >= records.size() || got[k] != records[k];
        // The flags of a header are under no checksum: snappy text may pass for plain, in one record.
        REQUIRE(wrong <= 1);
    }
}

TEST_CASE("reading goes on behind damage with every record that it did not touch") {
    std::mt19937_64 random(14);
    for (int round = 0; round < 200; ++round) {
        std::vector<Bytes> records;
        std::vector<std::pair<size_t, size_t>> pages;  // first and last page of each record
        WalWriter out(0);
        for (uint32_t i = 0; i < 300; ++i) {
            Bytes r(4 + random() % (i % 40 == 0 ? 90'000 : 600));
            for (uint8_t& b : r) b = static_cast<uint8_t>(random());
            store_be32(r.data(), i);
            size_t begin = out.bytes().size();
            out.record(r);
            pages.emplace_back(begin / kWalPage, (out.bytes().size() - 1) / kWalPage);
            records.push_back(std::move(r));
        }
        out.fill_page();
        Bytes broken = out.bytes();
        size_t page = random() % (broken.size() / kWalPage);
        if (round % 3 == 0) {
            std::fill_n(broken.begin() + static_cast<ptrdiff_t>(page * kWalPage), kWalPage, uint8_t{0});
        } else {
            broken[page * kWalPage + random() % kWalPage] ^= static_cast<uint8_t>(1 + random() % 255);
        }
        std::vector<bool> seen(records.size());
        WalReader in(broken);
        std::span<const uint8_t> record;
        for (bool more = true; more;) {
            try {
                more = in.next(record);
                if (!more) break;
                bool known = record.size() >= 4 && load_be32(record.data()) < records.size();
                size_t i = known ? load_be32(record.data()) : 0;
                if (known && std::equal(record.begin(), record.end(), records[i].begin(), records[i].end()))
                    seen[i] = true;
            } catch (const DecodeError&) {
                more = in.skip_damage();
            }
        }
        for (size_t i = 0; i < records.size(); ++i) {
            bool untouched = pages[i].second < page || pages[i].first > page;
            if (untouched && !seen[i]) FAIL("record " << i << " is lost in round " << round);
        }
    }
}

TEST_CASE("a page of zeros between records is damage, zeros at the end are not") {
    WalWriter out(0);
    Bytes r(600, 1);
    std::mt19937_64 random(15);
    for (int i = 0; i < 200; ++i) {
        for (uint8_t& b : r) b = static_cast<uint8_t>(random());
        out.record(r);
    }
    Bytes zeros = out.bytes();
    zeros.resize(zeros.size() + 3 * kWalPage);
    CHECK(read_all(zeros).size() == 200);
    std::fill_n(zeros.begin(), kWalPage, uint8_t{0});
    CHECK_THROWS_WITH_AS(read_all(zeros), doctest::Contains("zeros before the end"), DecodeError);
}

TEST_CASE("samples keep references, times and every bit of a value") {
    SamplesRecord record(3);
    record.add(1ULL << 40, -5, 0x7ff0000000000002ULL);
    record.add(3, 1'700'000'000'000, 0x7ff8000000000001ULL);
    record.add(~0ULL >> 1, std::numeric_limits<int64_t>::min(), 0);
    std::vector<std::tuple<uint64_t, int64_t, uint64_t>> got;
    CHECK(record.bytes()[0] == 2);
    decode_samples(record.bytes().subspan(1),
                   [&](uint64_t r, int64_t t, uint64_t v) { got.emplace_back(r, t, v); });
    decltype(got) want{{1ULL << 40, -5, 0x7ff0000000000002ULL},
                       {3, 1'700'000'000'000, 0x7ff8000000000001ULL},
                       {~0ULL >> 1, std::numeric_limits<int64_t>::min(), 0}};
    CHECK(got == want);
}

TEST_CASE("samples with start timestamps give reference, time and value") {
    ByteWriter w;  // first entry whole, then differences; markers none, same and explicit
    for (int64_t v : {100, 5000, 4000}) w.varint(v);
    w.be64(11);
    for (int64_t v : {2, 15}) w.varint(v);
    w.u8(0);
    w.be64(12);
    for (int64_t v : {-1, 30}) w.varint(v);
    w.u8(2);
    w.varint(9);
    w.be64(13);
    std::vector<std::tuple<uint64_t, int64_t, uint64_t, int64_t>> got;
    auto use = [&](uint64_t r, int64_t t, uint64_t v, int64_t start) { got.emplace_back(r, t, v, start); };
    decode_samples_v2(w.buffer(), use);
    decltype(got) want{{100, 5000, 11, 4000}, {102, 5015, 12, 0}, {101, 5030, 13, 4009}};
    CHECK(got == want);
    SamplesV2Record again;
    for (auto [ref, t, v, start] : got) again.add(ref, t, v, start);
    CHECK(std::equal(w.buffer().begin(), w.buffer().end(), again.bytes().begin() + 1, again.bytes().end()));
}

TEST_CASE("a checkpoint keeps living series, new samples and the newest metadata") {
    WalWriter in(0);
    SeriesRecord series;
    for (uint64_t ref : {1, 2, 3}) {
        series.begin(ref, 1);
        series.label("name", std::to_string(ref));
    }
    in.record(series.bytes());
    SamplesRecord samples(4);
    for (int64_t t : {50, 99, 100, 150}) samples.add(2, t, 7);
    in.record(samples.bytes());
    for (auto [type, help] : {std::pair<uint8_t, const char*>{1, "old"}, {2, "new"}}) {
        MetadataRecord metadata;
        TextPair fields[] = {{"HELP", help}};
        metadata.add(2, type, fields);
        metadata.add(1, type, fields);
        in.record(metadata.bytes());
    }
    TombstonesRecord tombstones;
    tombstones.add(2, 0, 99);
    tombstones.add(3, 0, 100);
    in.record(tombstones.bytes());
    ExemplarsRecord exemplars;
    TextPair trace[] = {{"trace", "x"}};
    exemplars.add(2, 99, 1, trace);
    exemplars.add(2, 100, 2, trace);
    in.record(exemplars.bytes());
    Bytes unknown{99, 1, 2, 3};
    in.record(unknown);

    uint64_t refs[] = {2, 3};
    Checkpoint checkpoint(refs, 100);
    checkpoint.segment(in.bytes(), {});
    checkpoint.finish();
    std::string seen;
    for (const Bytes& r : read_all(checkpoint.take())) {
        auto body = std::span<const uint8_t>(r).subspan(1);
        auto note = [&](auto... parts) { ((seen += std::to_string(parts) + " "), ...); };
        if (r[0] == 1) decode_series(body, [&](uint64_t ref, auto) { note(1, ref); });
        if (r[0] == 2) decode_samples(body, [&](uint64_t ref, int64_t t, uint64_t) { note(2, ref, t); });
        if (r[0] == 3) decode_tombstones(body, [&](uint64_t ref, int64_t, int64_t t) { note(3, ref, t); });
        if (r[0] == 4)
            decode_exemplars(body, [&](uint64_t ref, int64_t t, uint64_t, auto) { note(4, ref, t); });
        if (r[0] == 6) {
            decode_metadata(body, [&](uint64_t ref, int type, auto fields) {
                note(6, ref, type);
                seen += std::string(fields[0].second) + " ";
            });
        }
    }
    CHECK(seen == "1 2 1 3 2 2 100 2 2 150 3 3 100 4 2 100 6 2 2 new ");
    CHECK(checkpoint.counts().dropped_records == 1);
    CHECK(checkpoint.counts().dropped_samples == 2);
}
