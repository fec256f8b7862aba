#include "source/network/dns_ares_resolver.h"

#include <ares.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "source/base/log.h"
#include "source/network/dns_srv_answer.h"

namespace weir::network {
namespace {

constexpr int kTypeSrv = 33;
constexpr int kClassInternet = 1;
constexpr uint16_t kDnsPort = 53;

// The library has a state for the whole process, never taken down.
bool initialiseLibrary() {
  static const bool done = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return done;
}

DnsFailure failureOf(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return DnsFailure::kNone;
    case ARES_ENOTFOUND:
      return DnsFailure::kNoSuchName;
    case ARES_ENODATA:
      return DnsFailure::kNoData;
    case ARES_ETIMEOUT:
      return DnsFailure::kTimeout;
    case ARES_EBADRESP:
    case ARES_EBADNAME:
    case ARES_EBADSTR:
    case ARES_EFORMERR:
      return DnsFailure::kMalformed;
    default:
      return DnsFailure::kServer;
  }
}

DnsAddresses readAddresses(const ares_addrinfo& answer) {
  DnsAddresses result;
  result.ttl = std::chrono::hours(24 * 365 * 100);
  const auto count = [&](int ttl) {
    result.ttl = std::min(result.ttl, std::chrono::seconds(std::max(ttl, 0)));
  };
  for (const auto* alias = answer.cnames; alias != nullptr; alias = alias->next) count(alias->ttl);
  for (const auto* node = answer.nodes; node != nullptr; node = node->ai_next) {
    count(node->ai_ttl);
    Address address = Address::fromSockaddr(node->ai_addr, node->ai_addrlen);
    if (!address.isIp()) continue;
    address = address.withPort(0);
    if (std::find(result.addresses.begin(), result.addresses.end(), address) ==
        result.addresses.end()) {
      result.addresses.push_back(std::move(address));
    }
  }
  if (!result.addresses.empty()) return result;
  return {.failure = DnsFailure::kNoData, .addresses = {}, .ttl = {}};
}

}  // namespace

// A question that somebody asked, from then until its callback has been called.
struct AresDnsResolver::Question {
  using Callback = std::variant<AddressCallback, ServiceCallback>;

  Question(AresDnsResolver& asked, std::string about, Callback told)
      : resolver(asked), name(std::move(about)), callback(std::move(told)) {}
  bool isService() const { return std::holds_alternative<ServiceCallback>(callback); }
  void fail(DnsFailure failure) {
    addresses = {.failure = failure, .addresses = {}, .ttl = {}};
    services = {.failure = failure, .services = {}, .ttl = {}};
  }
  void tell() {
    if (isService()) {
      std::get<ServiceCallback>(callback)(std::move(services));
    } else {
      std::get<AddressCallback>(callback)(std::move(addresses));
    }
  }

  AresDnsResolver& resolver;
  const std::string name;
  DnsFamily family = DnsFamily::kIpv4;
  Callback callback;
  Channel* channel = nullptr;  // where it was asked
  Handle* handle = nullptr;    // null: nobody wants to know any more
  DnsAddresses addresses;
  DnsServices services;
};

// What the asker holds.
class AresDnsResolver::Handle final : public DnsQuery {
 public:
  explicit Handle(Question& question) : question_(&question) { question.handle = this; }
  ~Handle() override {
    if (question_ != nullptr) question_->handle = nullptr;
  }
  void forget() { question_ = nullptr; }

 private:
  Question* question_;
};

// One channel of c-ares with its sockets and its clock. Questions end here by way of
// AresDnsResolver::finished(), which tells nobody before c-ares has returned: it cannot stand being
// destroyed in a callback.
class AresDnsResolver::Channel {
 public:
  // nullptr when c-ares cannot be set up.
  static std::unique_ptr<Channel> create(event::Dispatcher& dispatcher, const DnsOptions& options);
  ~Channel();

  void ask(std::unique_ptr<Question> question);
  bool idle() const { return asked_ == 0; }

 private:
  // One socket of c-ares, which closes it.
  struct Socket final : event::FdHandler, event::DeferredDeletable {
    Socket(Channel& owner, int descriptor)
        : channel(owner),
          fd(descriptor),
          watcher(owner.dispatcher_.createFdWatcher(descriptor, *this)) {}
    void onFdReady(event::FdEvents events) override { channel.process(fd, events); }
    Channel& channel;
    const int fd;
    std::unique_ptr<event::FdWatcher> watcher;
  };

  explicit Channel(event::Dispatcher& dispatcher)
      : dispatcher_(dispatcher), timer_(dispatcher.createTimer([this] {
          process(ARES_SOCKET_BAD, {.readable = true, .writable = true});
        })) {}
  bool open(const DnsOptions& options);
  bool setServers(const std::vector<Address>& servers);
  void process(int fd, event::FdEvents events);
  void armTimer();
  void onSocket(int fd, bool readable, bool writable);
  static std::unique_ptr<Question> take(void* argument);

  event::Dispatcher& dispatcher_;
  std::unique_ptr<event::Timer> timer_;
  ares_channel ares_ = nullptr;
  std::map<int, std::unique_ptr<Socket>> sockets_;
  size_t asked_ = 0;
};

std::unique_ptr<AresDnsResolver::Channel> AresDnsResolver::Channel::create(
    event::Dispatcher& dispatcher, const DnsOptions& options) {
  std::unique_ptr<Channel> channel(new Channel(dispatcher));
  if (!channel->open(options)) return nullptr;
  return channel;
}

AresDnsResolver::Channel::~Channel() {
  if (ares_ != nullptr) ares_destroy(ares_);
}

bool AresDnsResolver::Channel::open(const DnsOptions& options) {
  if (!initialiseLibrary()) return false;
  const bool own_servers = !options.servers.empty();
  std::string resolv_conf = own_servers ? "/dev/null" : options.resolv_conf;
  std::string lookups = "b";
  ares_options settings{};
  settings.timeout = static_cast<int>(options.timeout.count());
  settings.tries = static_cast<int>(options.tries);
  settings.resolvconf_path = resolv_conf.data();
  settings.lookups = lookups.data();
  settings.flags = ARES_FLAG_NOSEARCH;
  settings.sock_state_cb_data = this;
  settings.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Channel*>(self)->onSocket(fd, readable != 0, writable != 0);
  };
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB;
  if (own_servers) mask |= ARES_OPT_FLAGS | ARES_OPT_LOOKUPS | ARES_OPT_NOROTATE;
  const int status = ares_init_options(&ares_, &settings, mask);
  if (status != ARES_SUCCESS) {
    ares_ = nullptr;
    base::log::warning("dns", "c-ares cannot be set up: ", ares_strerror(status));
    return false;
  }
  return !own_servers || setServers(options.servers);
}

bool AresDnsResolver::Channel::setServers(const std::vector<Address>& servers) {
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (size_t i = 0; i < servers.size(); ++i) {
    const Address& server = servers[i];
    ares_addr_port_node& node = nodes[i];
    node.next = i + 1 < servers.size() ? &nodes[i + 1] : nullptr;
    node.family = server.data()->sa_family;
    node.udp_port = node.tcp_port = server.port() != 0 ? server.port() : kDnsPort;
    if (server.family() == Address::Family::kIpv6) {
      const auto& bytes = reinterpret_cast<const sockaddr_in6*>(server.data())->sin6_addr.s6_addr;
      std::copy(std::begin(bytes), std::end(bytes), node.addr.addr6._S6_un._S6_u8);
    } else {
      node.addr.addr4 = reinterpret_cast<const sockaddr_in*>(server.data())->sin_addr;
    }
  }
  return ares_set_servers_ports(ares_, nodes.data()) == ARES_SUCCESS;
}

void AresDnsResolver::Channel::ask(std::unique_ptr<Question> question) {
  ++asked_;
  question->channel = this;
  Question* const asked = question.release();  // take() has it back
  if (asked->isService()) {
    ares_query(
        ares_, asked->name.c_str(), kClassInternet, kTypeSrv,
        [](void* argument, int status, int, unsigned char* answer, int bytes) {
          auto done = take(argument);
          done->fail(failureOf(status));
          if (status == ARES_SUCCESS && bytes > 0) {
            done->services = parseSrvAnswer({answer, static_cast<size_t>(bytes)});
          }
          AresDnsResolver& resolver = done->resolver;
          resolver.finished(std::move(done));
        },
        asked);
  } else {
    ares_addrinfo_hints hints{};
    hints.ai_family = asked->family == DnsFamily::kIpv4 ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(
        ares_, asked->name.c_str(), nullptr, &hints,
        [](void* argument, int status, int, ares_addrinfo* answer) {
          auto done = take(argument);
          done->fail(failureOf(status));
          if (status == ARES_SUCCESS && answer != nullptr) done->addresses = readAddresses(*answer);
          if (answer != nullptr) ares_freeaddrinfo(answer);
          AresDnsResolver& resolver = done->resolver;
          resolver.finished(std::move(done));
        },
        asked);
  }
  armTimer();
}

std::unique_ptr<AresDnsResolver::Question> AresDnsResolver::Channel::take(void* argument) {
  std::unique_ptr<Question> question(static_cast<Question*>(argument));
  --question->channel->asked_;
  return question;
}

void AresDnsResolver::Channel::process(int fd, event::FdEvents events) {
  ares_process_fd(ares_, events.readable ? fd : ARES_SOCKET_BAD,
                  events.writable ? fd : ARES_SOCKET_BAD);
  armTimer();
}

void AresDnsResolver::Channel::armTimer() {
  timeval left{};
  if (ares_timeout(ares_, nullptr, &left) == nullptr) return timer_->cancel();
  const auto delay = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
  // Not a moment early: c-ares would find nothing due.
  timer_->start(std::chrono::duration_cast<std::chrono::milliseconds>(delay) +
                std::chrono::milliseconds(1));
}

void AresDnsResolver::Channel::onSocket(int fd, bool readable, bool writable) {
  auto& socket = sockets_[fd];
  if (readable || writable) {
    if (!socket) socket = std::make_unique<Socket>(*this, fd);
    socket->watcher->watch({.readable = readable, .writable = writable});
    return;
  }
  // c-ares closes it next; its handler may be on the stack.
  if (socket) {
    socket->watcher.reset();
    dispatcher_.deferDelete(std::move(socket));
  }
  sockets_.erase(fd);
}

AresDnsResolver::AresDnsResolver(event::Dispatcher& dispatcher, DnsOptions options)
    : dispatcher_(dispatcher), options_(std::move(options)) {}

AresDnsResolver::~AresDnsResolver() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  channels_.clear();  // whose questions all end
  for (const auto& question : finished_) {
    if (question != nullptr && question->handle != nullptr) question->handle->forget();
  }
}

std::unique_ptr<DnsQuery> AresDnsResolver::resolveAddresses(const std::string& name,
                                                            DnsFamily family,
                                                            AddressCallback callback) {
  auto question = std::make_unique<Question>(*this, name, std::move(callback));
  question->family = family;
  return begin(std::move(question));
}

std::unique_ptr<DnsQuery> AresDnsResolver::resolveService(const std::string& name,
                                                          ServiceCallback callback) {
  return begin(std::make_unique<Question>(*this, name, std::move(callback)));
}

std::unique_ptr<DnsQuery> AresDnsResolver::begin(std::unique_ptr<Question> question) {
  auto handle = std::make_unique<Handle>(*question);
  if (Channel* const where = channel(); where != nullptr) {
    where->ask(std::move(question));
  } else {
    question->fail(DnsFailure::kServer);
    finished(std::move(question));
  }
  return handle;
}

AresDnsResolver::Channel* AresDnsResolver::channel() {
  if (channels_.empty() || options_.servers.empty()) {
    const FileVersion version = readVersion();
    if (channels_.empty() || version != version_) {
      version_ = version;
      if (auto opened = Channel::create(dispatcher_, options_); opened != nullptr) {
        channels_.push_back(std::move(opened));
      }
    }
  }
  return channels_.empty() ? nullptr : channels_.back().get();
}

AresDnsResolver::FileVersion AresDnsResolver::readVersion() const {
  struct stat status {};
  if (::stat(options_.resolv_conf.c_str(), &status) != 0) return {};
  return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ino};
}

void AresDnsResolver::finished(std::unique_ptr<Question> question) {
  if (question->handle != nullptr) finished_.push_back(std::move(question));
  dispatcher_.atTurnEnd(*this);
}

void AresDnsResolver::onTurnEnd() {
  for (size_t i = 0; i + 1 < channels_.size();) {
    if (channels_[i]->idle()) {
      channels_.erase(channels_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  bool destroyed = false;
  destroyed_ = &destroyed;
  const auto due = std::exchange(finished_, {});
  for (const auto& question : due) {
    if (destroyed) {
      if (question->handle != nullptr) question->handle->forget();
      continue;
    }
    if (question->handle == nullptr) continue;
    question->handle->forget();
    question->tell();
  }
  if (!destroyed) destroyed_ = nullptr;
}

}  // namespace weir::network
