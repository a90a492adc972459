// Transactions that are under way, as far as truncations must know of them. Epochs end with each truncation
// and whenever Head::end_epoch() says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace narthex {

class OpenTransactions {
  public:
    // Held by a transaction from its beginning to its end.
    class Ticket {
      public:
        explicit Ticket(std::shared_ptr<OpenTransactions> open) : open_(std::move(open)) {
            epoch_ = open_->begin();
        }
        Ticket(Ticket&&) = default;
        Ticket(const Ticket&) = delete;
        ~Ticket() {
            if (open_) open_->end(epoch_);
        }

      private:
        std::shared_ptr<OpenTransactions> open_;
        uint64_t epoch_;
    };

    // What a series is marked with when it is asked for. It stands for the present epoch; never 0.
    uint8_t mark() const { return static_cast<uint8_t>(1 + epoch_.load(std::memory_order_relaxed) % 255); }
    // Whether a transaction is open that began in an epoch before this one: it may have asked for any series.
    bool span_epochs() {
        std::lock_guard lock(mutex_);
        return older_ > 0;
    }
    // How many there have been, and how many are open.
    std::pair<uint64_t, uint64_t> counts() {
        std::lock_guard lock(mutex_);
        return {begun_, newer_ + older_};
    }
    void next_epoch() {
        std::lock_guard lock(mutex_);
        older_ += std::exchange(newer_, 0);
        ++epoch_;
    }

  private:
    uint64_t begin() {
        std::lock_guard lock(mutex_);
        ++begun_;
        ++newer_;
        return epoch_;
    }
    void end(uint64_t epoch) {
        std::lock_guard lock(mutex_);
        --(epoch == epoch_ ? newer_ : older_);
    }

    std::mutex mutex_;
    std::atomic<uint64_t> epoch_ = 0;
    uint64_t begun_ = 0;
    uint64_t newer_ = 0;  // open transactions that began in this epoch
    uint64_t older_ = 0;
};

}  // namespace narthex
