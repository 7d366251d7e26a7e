"""Words in the names of tables and columns, in English and, for the commonest, in other languages."""

from typing import Literal

Side = Literal["user", "item"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIDES: dict[Side, frozenset[str]] = {
    "user": _words(
        """
        user usr uid customer cust client member account person people visitor session buyer reader listener
        viewer reviewer author household subscriber patient student player profile shopper guest passenger
        kunde nutzer benutzer cliente usuario utilisateur
        """
    ),
    "item": _words(
        """
        item iid product prod article sku asin isbn movie film book song track artist album video game recipe
        place listing business restaurant venue poi post news course anime show episode page url content
        document doc hotel job ad offer app material dish food artikel produkt producto produit goods
        """
    ),
}
TIMES = _words("timestamp time ts date datetime at on created ordered day epoch unix when dt zeit")
OTHER_TIMES = _words("updated modified deleted birth birthday expires end")
ATTRIBUTES = _words("name title price cost count number quantity rating type category age")
LABELS = _words(
    "rating rate score stars star label grade overall click clicked liked bought target"
)
EVENTS = _words("event type action kind behavior behaviour interaction verb activity")
#: Kinds of events that say little, or the opposite of success.
WEAK = _words(
    """
    view impression pv show page detail exposure shown seen open dislike skip skipped return refund remove
    removed cancel cancelled delete deleted unlike browse hover display search
    """
)
TITLES = ("title", "name", "label", "headline", "subject", "caption")
CODES = _words("id code zip zipcode postcode plz type class level category")
