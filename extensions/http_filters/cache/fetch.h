#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "extensions/http_filters/cache/cache_rules.h"
#include "extensions/http_filters/cache/cache_store.h"
#include "source/base/intrusive_list.h"
#include "source/event/timer.h"
#include "source/http/onward_exchange.h"

namespace weir::extensions::http_filters::cache {

// Whose request a fetch is made of. Called on its worker, also from inside Fetch::start().
// Worker-confined.
class FetchClient {
 public:
  // It can be stored, or has been validated: this is it, and its body may still come.
  virtual void onFetchResponse(const SharedRef<const StoredResponse>& response) = 0;
  // It is for this client alone: head now, body by Fetch::read(). `why` it is not stored: a static
  // text.
  virtual void onFetchPassed(http::ResponseHead& head, bool end_stream, std::string_view why) = 0;
  // The origin has answered with an error. True: the client makes do with something stale, and
  // leaves the fetch.
  virtual bool onFetchErrorStatus(uint16_t status) = 0;
  // What is stored does not serve: the request has to go on as it came. The last call.
  virtual void onFetchRefused() = 0;
  // More of the body is here, or its end.
  virtual void onFetchProgress() = 0;
  // The last call.
  virtual void onFetchFailure(const http::StreamError& error) = 0;

 protected:
  ~FetchClient() = default;
};

// One request to the origin, made by a worker for a flight: stores what comes, and lives on when
// the client whose request it was has gone, unless it can only be for that one. Worker-confined.
class Fetch final : public base::ListNode<>,
                    public event::DeferredDeletable,
                    private http::OnwardListener {
 public:
  class Owner {
   public:
    // It is unlinked, and destroyed a little later.
    virtual void onFetchOver(Fetch& fetch) = 0;

   protected:
    ~Owner() = default;
  };
  // What all fetches of a worker and filter need. Worker-confined.
  struct Context {
    CacheStore& store;
    event::Dispatcher& dispatcher;
    buffer::BlockPool& blocks;
    http::OnwardExchanges& exchanges;
  };
  // What is fetched.
  struct Request {
    std::string url;    // key
    std::string extra;  // beside it in the variant's key
    std::shared_ptr<Flight> flight;
    SharedRef<const StoredResponse> stale =
        {};                   // to be validated, or to do on errors; null: nothing is stored
    const CacheRules& rules;  // lives as long as what `origin` refers to
  };

  Fetch(Context& context, Owner& owner, Request request);
  ~Fetch() override;

  // `client` null: nobody waits here. It must leave() before it goes.
  void start(const http::RequestHead& head, const http::StreamInfo& info, http::ChainOrigin origin,
             FetchClient* client);
  void leave();

  // The client's body from `from` on, which it reads once and in order; how many bytes.
  size_t read(uint64_t from, size_t most, buffer::Buffer& to);
  // All of it is here, read or not.
  bool ended() const { return ended_; }
  uint64_t size() const { return (body_ ? body_->size() : 0) + tail_bytes_; }
  // From within a client's calls that bring it the head, or a failure before that: what the request
  // went through. Else null.
  const http::StreamInfo* info() const { return info_; }

 private:
  enum class State : uint8_t { kAsking, kStoring, kPassing, kOver };
  static constexpr size_t kMostTail = 256 * 1024;
  static constexpr std::chrono::seconds kIdle{60};

  void onOnwardHead(http::ResponseHead& head, bool end_stream) override;
  void onOnwardBody(buffer::Buffer& data, bool end_stream) override;
  void onOnwardFailure(const http::StreamError& error) override;

  void handleHead(http::ResponseHead& head, bool end_stream);
  void copyRequest(const http::RequestHead& head);
  void addConditions(http::HeaderMap& headers) const;
  bool takesErrorStatus(uint16_t status);
  StoredResponse::Parts partsOf(const http::ResponseHead& head, const http::HeaderMap& fields,
                                const CacheControl& control) const;
  std::string_view whyNot(const http::ResponseHead& head, const StoredResponse::Parts& parts,
                          const CacheControl& control) const;
  void onNotModified(http::ResponseHead& head);
  void mergeFields(const http::ResponseHead& head, http::HeaderMap& to) const;
  void store(http::ResponseHead& head, bool end_stream, StoredResponse::Parts parts);
  bool storeBody(buffer::Buffer& data);
  void pass(http::ResponseHead& head, bool end_stream, std::string_view why);
  void overflow();
  void keepTail(buffer::Buffer& data);
  void complete();
  void fail(const http::StreamError& error);
  void onIdle();
  void over();
  SystemTime now() const { return context_.dispatcher.systemNow(); }

  Context& context_;
  Owner& owner_;
  Request request_;
  FetchClient* client_ = nullptr;
  http::OnwardExchange* exchange_ = nullptr;  // null: over
  const http::StreamInfo* info_ = nullptr;
  State state_ = State::kAsking;
  bool ended_ = false;
  bool shared_ = false;  // the flight has the response
  bool slowed_ = false;
  RequestFacts facts_;
  SystemTime request_time_;
  base::Arena arena_;
  http::HeaderMap request_fields_{arena_};  // as the filter saw them
  SharedRef<const StoredResponse> response_;
  SharedRef<StoredBody> body_;
  buffer::Buffer tail_;      // behind what is stored, for the client
  uint64_t tail_bytes_ = 0;  // that have been in it
  event::WheelTimer idle_;
};

}  // namespace weir::extensions::http_filters::cache
