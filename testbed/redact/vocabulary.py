"""The words that may stay: those of protocols, of servers' replies, of the lab's log.  No word of it names anybody.

Whatever is not here is replaced, so a word that is missing costs a sentence some sense and gives nothing away.
"""

from __future__ import annotations

import re

from testbed.protocols.refusals import PHRASES

_OF_SENTENCES = """
a about above accept acceptable accepted accepting accepts access account accounts action active add added address
addresses administrator after again against alias all allow allowed allows already also an and anonymous another
answer answered answers any anyone are as asked at attempt attempts available away back bad be because been before
begin behind below between block blocked blocks both bounce bounced bounces broken but by bye bytes can cannot change
checked checks clear client clients close closed closes closing code command commands complete completed condition
connect connected connecting connection connections contact content contents continue copy could created data date day
days deferred delayed deleted deliver delivered delivery denied destination details detected did directory disabled
discarded disconnect do does domain domains done down due during each either else email empty enabled encrypted end
ended ends enhanced enough error errors every exceed exceeded exceeds exists expected expired expires explicit
external failed failing fails failure false file files filter final find first flags folder for forbidden form format
forward forwarded found from full further gave get go goes going gone good goodbye got greeting had handed hands has
have header headers hello help here hold holds host hosts hour hours how however id if ignored immediately in inactive
incoming incorrect indicates info information initial input instead internal into invalid is issue it its just keep
kept key last later least left less limit limits line lines link list listed load local locked log logged login longer
look lookup loop lost made mail mailbox mailboxes mailer mails make malformed many match matches matching max maximum
may means message messages min minute minutes missing mode more most moved much must name names need needed needs
network never new next no nobody non none nor not nothing notice notification notify now number object octets of off
offered offers ok on once one only open operation option or order original other others out outgoing over own packet
packets part parts pass passed passes password passwords path pending per perhaps permanent permanently permission
permitted place plain played please point policy port possible prefer problem problems proceed process processed
processing program prohibited proper protected protocol provide provided quarantine queue queued queues quit quota
quotas rate reached read reader reading ready reason receive received receiver recent recipient recipients record
records refused refuses reject rejected rejecting rejects relay relayed relaying remote removed repeat replies reply
report reported reports request requested require required requires reset resolve resources response responses result
results retry return returned returns reverse right route routing rule rules run running runs same says search second
seconds section secure security see select send sender senders sending sends sent sequence server servers service
services session set several shared should shut shutdown shutting since site size sizes so some soon source space spam
spoke standard start started starting starts state status step steps still stop stopped storage store stored stores
string submission submit submitted succeeded success successful successfully such support supported supports suspended
syntax system take taken takes temporarily temporary terminated test than that the their them then there these they
this those though three through time timed timeout times to today together token told too total traffic transaction
transfer transferred transmission tried tries true try trying twice two type types unable unauthorized unavailable
under unexpected unique unknown unless unreachable unrecognized until unverified unwanted up upon use used user users
using valid value verification verified verify version very via virtual virus wait waiting waits warning was way we
welcome were what when where whether which while who whole whose why wide will window with within without word words
work working would write written wrong yes yet you your yourself zone
"""
_OF_PROTOCOLS = """
a aaaa adkim adsp aes aes128 aes256 aiosmtpd all alpn amavis apache apop append apt arc as134 ascii aspf auth
authenticate authenticated authentication authenticationfailed authorization authorizationid autodiscover b barracuda
base64 bdat begin bh binary binarymime bit bits blockquote body bodystructure boundary btc burl bv bye c caa canon
catenate cd certificate chacha20 charset check chunk chunking cipher ciphers clamav cn cname compress condstore
copyuid courier cram cred crlf ctl curdir cv cyrus d dane dara data date db debian default deflate delay delete
deleted deliverby delsp dest destaddr destport detail digest discuss disposition dkim dkim1 dmarc dmarc1 dns dnsbl
dnskey dnsrbl dnssec dot dovecot draft ds dsn dss ecdhe ecdsa edns ehlo email1 enable enforce envelope envid esearch
esmtp esmtp1 esmtpa esmtps esmtpsa esmtpsv etrn examine exchange exim exists exp expn expr expunge expunged ext
external fail fetch fields filename firewall flagged flowed fo format formerr freebsd from futurerelease g gcm
getquota getquotaroot gmail gmt gnutls greeting greylisted gsmtp gssapi gzip h haproxy haraka havespace hdr helo hop
hostaddress hostname html http https hup i ident identity idle imap imap4 imap4rev1 imap4rev2 implementation inbox
include inclusive infinity inline internaldate ip ip4 ip6 iprev ipv4 ipv6 iso jmap justsend k kerberos keyword l lang
language last lhlo limit linux list literal lmtp localhost login logindisabled logout lsub lu mailfrom mailpit mailto
managesieve max_age mechanism mechanisms mi microsoft milter mime mimecast mixed mode move mp mta mtasts mtqp
multiappend multipart multisearch mx n namespace never nginx nil noerror none noop nooperation noreply notices notify
notimp ns nsec nsec3 ntlm nulls nxdomain oauth oauthbearer oid ok opensmtpd openssl opt orcpt order original otp
overquota p paramters parent partial pass pct permanentflags permerror pipelining pkix plain pop pop3 postfix
postmaster prdr preauth precertificate printable priority proofpoint proto proxy ptr purge putscript python q qmail
qresync qtext quarantine quoted r ra rcpt rcptto rd recent redirect ref refused regarding reject relaxed renamescript
rendez require required requiretls resp ret retr rev rf rfc rfc5321 rfc5322 rfc6522 rfc822 ri rows rp rr rsa rset
rspamd rsvp rua ruf s saml saml20 sasl scope scram seed seen select sendmail seq servfail setacl setactive setquota
sha sha1 sha224 sha256 sha384 sha512 sieve sig simple size smime smtp smtps smtpsend smtputf8 soa softfail soml sort
source sp spamassassin spf spf1 spf2 spki srv ssh ssl sslv2 sslv3 stalwart starttls stat status stls store sts stsv1
submitter subscribe subscribed t tcp tcp4 tcp6 testbed testing text thread tls tlsa tlsrpt tlsrptv1 tlsv1 tlv top
trust try trycreate txt ubuntu udp uid uidl uidnext uidplus uidvalidity unauthenticate unchangedsince unseen unselect
unsubscribe untagged upgrade urlauth us user utc utf utf16 utf7 utf8 v validity verb version vrfy windows within www x
x509 xclient xcolor xexch50 xforward xlist xoauth xoauth2 yesno z zimbra zstd
"""
_OF_LOGS = """
anonymoustls exps exch50 xexps
7bit 8bit 8bitmime agent alert alerts alive applewebkit application asks attempted attempts audio beginning bodies
came capability capture carried caught changed chrome chunked clamd cleanup clock comes compatible conn_use cookie
cors cr crash crashed crashes csrf css cut daemon delays deliveries died document dsn encoding enforced
enhancedstatuscodes entry error events examined exchange exited expire falls fatal fault faults fetched fetches
fetching filed firefox forgets form-data formdata garbled gecko gid gif given gives gnu goes hits holding image imapd
installed intel javascript journal jpeg judged judges keepalive kernel khtml killed lab language lasts lets lf like
lmtpd logging logs loopback mac macintosh master modified mozilla named navigate newest nosniff noted nothing nrcpt nt
nullmx octet opened opens origin os outbox panic passes peek pickup pid pipe played plays png postdrop promised
promises pulls pushes qmgr qp quoting ranges reads real reason referrer refuses rejecting relays reset resets
restarted restarts resumed rewrite safari sameorigin scenario seen selected serves seven signed six sleep smtpd sorts
speaks staged stalls started starts stays strict stuck subject submit swallowed tells ten testbed trace trivial uid
urlencoded utf via video warning web webp whoever win64 wire x64 x86 zone
"""
_NUMBER = re.compile(rb"\d+\Z")

SENTENCES = frozenset(
    word.encode()
    for text in (_OF_SENTENCES, _OF_PROTOCOLS, _OF_LOGS, *(phrase.words for phrase in PHRASES))
    for word in re.findall(r"[a-z0-9]+", text.lower())
    if word not in ("bob", "alice")
)
"""Words that stay in sentences of servers and logs, in small letters."""

TOP_DOMAINS = frozenset(
    b"""com net org edu gov mil int arpa info biz aero coop museum jobs mobi test example invalid local localhost
    localdomain lan lab home internal onion""".split()
)
"""Top-level domains besides those of countries."""
GENERIC = frozenset((b"com", b"net", b"org", b"edu", b"gov", b"arpa"))
"""Those that stay wherever they stand: a resolver puts its search domain behind them."""
ENDINGS = frozenset(
    b"""csv doc docx eml exe gif htm html ics jpeg jpg js json md odt pdf png ppt pptx rtf tar tgz txt vcf xls xlsx xml
    zip gz zst bin dat log php asp aspx cgi css svg mp3 mp4 mov avi msg p7m p7s asc sig pem crt""".split()
)
"""Endings of files."""
LABELS = frozenset(
    b"""_dmarc _domainkey _mta-sts _smtp _tls _tcp _udp _report _adsp _spf _imap _imaps _pop3 _pop3s _submission
    _submissions _sieve _autodiscover _caldav _carddav _25 _465 _587 _993 _995 _143 _110 _443 mail mx smtp imap
    pop pop3 www ns dns relay webmail autodiscover autoconfig mta-sts in-addr ip6""".split()
)
"""Labels of host names that stay where a domain follows; with digits behind some of them."""
NUMBERED = re.compile(rb"(?:mail|mx|smtp|imap|pop|ns|dns|relay)\d{1,2}\Z")
ROLES = frozenset((b"postmaster", b"mailer-daemon", b"localhost", b"double-bounce", b"lab", b"wire"))
"""Names that every host has."""


def stays(word: bytes) -> bool:
    """Whether a word of a sentence stays: one that is known, or a number."""
    return word.lower() in SENTENCES or _NUMBER.match(word) is not None
