"""Who may do what: tokens, sessions, a trusted proxy's word, or this machine alone."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import WebSettings
from dataflow.settings.web import LOOPBACK
from soloface.web.gate.identity import LOCAL, Identity, Role, Way
from soloface.web.gate.problems import Code, ProblemError
from soloface.web.gate.sessions import COOKIE, LOCAL_COOKIE, Sessions
from soloface.web.gate.tokens import Tokens

PROOF_HEADER = "X-CSRF-Token"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_NAME = 64


class Access:
    """Tells who asks, and refuses those who may not."""

    def __init__(self, settings: WebSettings) -> None:
        """Read the tokens.

        Raises:
            ConfigurationError: strangers could reach it and nobody can be told apart, or the file
                of tokens cannot be used.
        """
        if not (settings.is_local or settings.knows_people):
            raise ConfigurationError(
                f"SOLOFACE_WEB__HOST is {settings.host}, where strangers can reach it: set "
                "SOLOFACE_WEB__TOKENS, or SOLOFACE_WEB__USER_HEADER behind a proxy that signs "
                "people in"
            )
        self._settings = settings
        self._tokens = Tokens(settings.tokens) if settings.tokens else None
        self.sessions = Sessions(settings, self._tokens) if self._tokens else None
        self._proxies = [ip_network(proxy) for proxy in settings.proxies]

    @property
    def cookie(self) -> str:
        """The name of the cookie of a session."""
        return LOCAL_COOKIE if self._settings.is_local else COOKIE

    @property
    def is_secure(self) -> bool:
        """Whether cookies go over TLS alone: wherever they leave this machine."""
        return not self._settings.is_local

    def identity(self, request: HTTPConnection) -> Identity | None:
        """Who asks; ``None``: a stranger.

        Raises:
            ProblemError: a token or a user's name is there and is not accepted.
        """
        if authorization := request.headers.get("Authorization"):
            return self._of_token(authorization)
        header = self._settings.user_header
        if header and (names := request.headers.getlist(header)):
            return self._of_proxy(request, names)
        if self.sessions and (cookie := request.cookies.get(self.cookie)):
            return self.sessions.read(cookie)
        return None if self._settings.knows_people else LOCAL

    def proof(self, identity: Identity) -> str:
        """What a page of ours sends along with each change; empty where nothing asks for it."""
        if self.sessions is None or identity.way is not Way.SESSION:
            return ""
        return self.sessions.proof(identity)

    def sign_in(self, token: str) -> str | None:
        """The cookie of whoever shows a token; ``None``: it is nobody's."""
        known = self._tokens.of(token) if self._tokens else None
        return self.sessions.start(known) if self.sessions and known else None

    def require_host(self, request: HTTPConnection) -> None:
        """Refuse names that are not ours: a foreign site may have its name lead to this machine.

        Raises:
            ProblemError: ``wrong_host``.
        """
        hosts = self._settings.hosts
        if not hosts and not self._settings.knows_people:
            hosts = LOOPBACK | {self._settings.host}
        name = _host_of(f"//{request.headers.get('Host', '')}", with_port=False)
        if hosts and name not in {host.lower() for host in hosts}:
            raise ProblemError(Code.WRONG_HOST, "this is not reached under that name")

    def require_own_site(self, request: HTTPConnection, identity: Identity | None) -> None:
        """Refuse changes that another site has a browser ask for in somebody's name.

        A token in a header is sent by nobody but who knows it. Everything else a browser adds by
        itself.

        Raises:
            ProblemError: ``foreign_site``.
        """
        way = identity.way if identity else None
        if request.scope["method"] in _SAFE or way is Way.TOKEN:
            return
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        foreign = site not in {"same-origin", "none"}
        if origin is not None:
            host = request.headers.get("Host", "").lower()
            foreign |= _host_of(origin, with_port=True) != host
        if identity and way is Way.SESSION and self.sessions:
            foreign |= request.headers.get(PROOF_HEADER) != self.sessions.proof(identity)
        if foreign:
            raise ProblemError(
                Code.FOREIGN_SITE,
                f"changes are taken from this site's own pages only, with {PROOF_HEADER}",
            )

    def _of_token(self, authorization: str) -> Identity:
        scheme, _, token = authorization.partition(" ")
        known = self._tokens.of(token.strip()) if self._tokens else None
        if scheme.lower() != "bearer" or known is None:
            raise ProblemError(Code.NOT_SIGNED_IN, "that token is not known here")
        return Identity(known.name, known.roles, Way.TOKEN)

    def _of_proxy(self, request: HTTPConnection, names: list[str]) -> Identity:
        if not self._is_proxy(request):
            raise ProblemError(
                Code.NOT_SIGNED_IN,
                f"{self._settings.user_header} counts from a trusted proxy only "
                "(SOLOFACE_WEB__PROXIES)",
            )
        name = names[0].strip()
        if len(names) > 1 or not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise ProblemError(Code.NOT_SIGNED_IN, "the proxy does not name one user")
        return Identity(name, frozenset(map(Role, self._settings.proxy_roles)), Way.PROXY)

    def _is_proxy(self, request: HTTPConnection) -> bool:
        try:
            address = ip_address(request.client.host if request.client else "")
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


def _host_of(url: str, *, with_port: bool) -> str:
    """The host that a URL names, in lower case; empty where there is none."""
    try:
        parts = urlsplit(url)
        return (parts.netloc if with_port else parts.hostname or "").lower()
    except ValueError:
        return ""


def a_stranger() -> ProblemError:
    """What somebody is told of whom nothing is known."""
    return ProblemError(Code.NOT_SIGNED_IN, "sign in, or send a token: Authorization: Bearer …")


def require_role(identity: Identity | None, role: Role) -> Identity:
    """Let somebody pass who may do it.

    Raises:
        ProblemError: ``not_signed_in`` or ``not_allowed``.
    """
    if identity is None:
        raise a_stranger()
    if role not in identity.roles:
        raise ProblemError(Code.NOT_ALLOWED, f"{identity.name} is no {role}")
    return identity
