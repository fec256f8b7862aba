#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "source/base/fd.h"
#include "source/event/dispatcher.h"
#include "source/network/address.h"
#include "source/network/connection.h"

namespace weir::network {

// Connects to one of several addresses of the same peer: "Happy Eyeballs" (RFC 8305, 5). They are
// tried in order, the next as soon as one fails or has not answered for kAttemptDelay; the first
// that answers wins and the others are closed. So an address that does not answer costs a quarter
// of a second and not a connect timeout. Who waits for it sets the limit. Worker-confined. Its end
// is through deferDelete, as it may be on the stack then.
class ConnectRace final : public event::DeferredDeletable {
 public:
  static constexpr std::chrono::milliseconds kAttemptDelay{250};
  // Connection attempts at the same time; further addresses wait for one of them to fail.
  static constexpr size_t kMostAtOnce = 8;

  struct Outcome {
    base::UniqueFd socket;  // connected; none: all have failed
    Address address;
    int error = 0;  // of the last that failed
  };

  // `decided` is called once when the race is over, never from inside start(). At least one
  // address.
  ConnectRace(event::Dispatcher& dispatcher, std::vector<Address> addresses,
              const ConnectOptions& options, absl::AnyInvocable<void()> decided);
  ~ConnectRace() override;

  // True: it is over already, and `decided` is not called.
  [[nodiscard]] bool start();
  bool over() const { return over_; }
  // Of a race that is over; once.
  Outcome take() { return std::move(outcome_); }
  // Closes everything, calls nobody any more.
  void cancel();

 private:
  class Attempt;
  void startNext();
  void onDelay();
  void onReady(Attempt& attempt);
  void finish(Outcome outcome);

  event::Dispatcher& dispatcher_;
  const std::vector<Address> addresses_;
  const ConnectingSocket options_;
  absl::AnyInvocable<void()> decided_;
  event::WheelTimer delay_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;  // at most kMostAtOnce
  int last_error_ = 0;
  bool over_ = false;
  Outcome outcome_;
};

}  // namespace weir::network
