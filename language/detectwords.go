package language

// commonWords are frequent short words, and words that open messages to a
// support desk, by language. A word in several lists speaks for each of them a
// little.
var commonWords = map[string]string{
	"en": `the a an and or but not no is are was were be been am i you he she it we they my your his her its our their me us them
		this that these those what which who when where why how do does did don't doesn't didn't can can't could would should will won't
		have has had haven't i'm i've it's of to in on at for from with by about after before again still just only very please thank thanks
		hello hi dear regards order refund password account login invoice payment delivery package help great service app website since
		there here than then as if so out up off any all some been because world crashes charged money received working`,
	"de": `der die das den dem des ein eine einen einem einer eines und oder aber nicht kein keine keinen ist sind war waren bin bist sein seine
		ich du er sie es wir ihr mein meine meinen meiner dein ihre ihren mich mir uns euch ihnen sich was wer wo wann warum wie welche
		kann können konnte möchte muss soll will habe haben hat hatte wird werden wurde worden auf mit von zu zum zur bei für aus nach über unter
		seit noch schon nur sehr auch wieder bitte danke vielen dank hallo guten tag sehr geehrte grüße bestellung rechnung passwort konto
		lieferung paket hilfe im am an in als wenn dass weil doch so dann funktioniert leider immer mehr um vom kunde geld morgen`,
	"fr": `le la les l un une des du de et ou mais ne pas plus est sont était suis êtes être avoir ai as a avons avez ont je tu il elle nous vous ils elles
		mon ma mes ton ta votre vos notre nos son sa ses leur me te se moi toi ce cet cette ces c'est qui que quoi dont où quand pourquoi comment
		peux peut pouvez voudrais veux dans sur avec sans pour par chez depuis encore toujours très bien merci bonjour cordialement commande facture
		mot passe compte livraison colis aide remboursement au aux en y j'ai n'ai n'est j'attends jamais rien tout tous fait reçu monde s'il plaît
		d'un d'une qu'il arrivée application service argent salut beaucoup aucune`,
	"es": `el la los las un una unos unas y o pero no es son era soy está están estoy ser estar he ha han hemos tengo tiene yo tú usted él ella nosotros ellos
		mi mis tu tus su sus nuestro me te se nos lo le les que qué quién cuál cuándo cuando dónde donde cómo como por para con sin de del al en
		sobre desde hasta muy más también todavía ya solo gracias hola buenos días buenas saludos pedido factura contraseña cuenta entrega paquete
		ayuda reembolso puedo puede quiero quisiera necesito este esta esto ese esa hay fue porque nada nunca favor mucho muchas dinero llegó mundo
		aplicación servicio ningún ninguna iniciar sesión cancelar`,
	"it": `il lo la i gli le un uno una di del della dei delle da dal in nel nella con su per tra e o ma non è sono era essere avere ho hai ha abbiamo hanno
		io tu lui lei noi voi loro mio mia miei tuo suo mi ti si ci vi che chi cosa dove quando perché come questo questa quello più molto anche
		ancora già solo grazie mille ciao buongiorno salve saluti ordine fattura password conto consegna pacco aiuto rimborso posso può vorrei
		riesco mai niente al alla allo ai accedere account funziona soldi servizio`,
	"pt": `o a os as um uma uns umas de do da dos das em no na nos nas por para com sem e ou mas não é são era ser estar está estou ter tenho tem eu você ele
		ela nós eles meu minha meus seu sua me se lhe que quem onde quando porque como este esta isso esse mais muito também ainda já só obrigado
		obrigada olá bom dia boa tarde cumprimentos pedido fatura senha conta entrega encomenda ajuda reembolso posso pode quero preciso consigo
		ao à pelo pela foi nunca nada dinheiro serviço acessar meu`,
	"nl": `de het een en of maar niet geen is zijn was waren ben bent ik jij je u hij zij ze wij we jullie mijn jouw uw zijn haar ons onze mij me hem hun dit dat
		deze die wat wie waar wanneer waarom hoe kan kunnen kon wil wilt moet heb heeft hebben had wordt worden op met van voor naar bij uit over
		onder sinds nog al alleen zeer heel ook weer alstublieft bedankt dank hallo goedendag groeten bestelling factuur wachtwoord rekening
		levering pakket hulp terug in aan als dan om te er inloggen snelle werkt geld nooit`,
	"sv": `en ett och eller men inte är var vara jag du han hon det den vi ni de min mitt mina din ditt er sin mig dig oss dem detta som vad vem var när
		varför hur kan kunde vill ska måste har hade blir på med av för till från hos om under sedan fortfarande bara mycket också igen tack hej
		hälsningar beställning faktura lösenord konto leverans paket hjälp logga i att så alla aldrig pengar fungerar`,
	"da": `en et og eller men ikke er var være jeg du han hun det den vi i de min mit mine din dit deres mig dig os dem dette som hvad hvem hvor hvornår
		hvorfor hvordan kan kunne vil skal må har havde bliver på med af for til fra hos om under siden stadig kun meget også igen tak hej hilsen
		bestilling faktura adgangskode konto levering pakke hjælp logge at så alle aldrig penge virker ind`,
	"no": `en et ei og eller men ikke er var være jeg du han hun det den vi dere de min mitt mine din ditt deres meg deg oss dem dette som hva hvem hvor når
		hvorfor hvordan kan kunne vil skal må har hadde blir på med av for til fra hos om under siden fortsatt bare veldig også igjen takk hei hilsen
		bestilling faktura passord konto levering pakke hjelp logge å så alle aldri penger fungerer inn`,
	"fi": `ja tai mutta ei en et eivät on ovat oli olla olen olet olemme minä sinä hän me te he minun sinun hänen meidän tämä se ne mikä mitä kuka missä
		milloin miksi miten voi voin haluan pitää kun jos niin että kanssa ilman vielä vain hyvin myös taas kiitos hei moi terveisin tilaus tilaukseni
		lasku salasana tili tilini tilille tililleni toimitus paketti apua pysty kirjautumaan sisään toimi rahat takaisin saanut koskaan eikä joka
		hyvää päivää palvelu nopeasta`,
	"pl": `i lub ale nie jest są był była być mam masz ma ja ty on ona my wy oni mój moja moje twój jego jej mnie mi cię się to ten ta te co kto gdzie kiedy
		dlaczego jak mogę może chcę muszę na z ze w we do od po dla bez przez za już jeszcze tylko bardzo też znowu proszę dziękuję dzień dobry cześć
		pozdrawiam zamówienie faktura hasło konto dostawa paczka pomoc zwrot zalogować nigdy pieniądze działa o że`,
	"cs": `a nebo ale ne je jsou byl byla být jsem jste mám máte má já ty on ona my vy oni můj moje tvůj jeho mě mi se si to ten ta co kdo kde kdy proč jak
		mohu můžu může chci musím na s se z ze v ve do od po pro bez přes už ještě jen velmi také zase prosím děkuji dobrý den ahoj pozdravem
		objednávka faktura heslo účet dodávka balík pomoc přihlásit nikdy peníze nefunguje že`,
	"ro": `și sau dar nu este sunt era fi am ai are avem aveți au eu tu el ea noi voi ei meu mea mei tău lui mă mi se îmi ce cine unde când de cum pot poate
		vreau trebuie pe cu din la în fără pentru prin după încă doar foarte mai iar vă rog mulțumesc bună ziua salut comanda comandă factura parola
		contul cont livrare colet ajutor bani niciodată funcționează că un o`,
	"hu": `a az és vagy de nem van vannak volt lenni vagyok én te ő mi ti ők az én enyém ez ezt azt mi ki hol mikor miért hogyan hogy tudok tud lehet
		szeretnék kell meg még már csak nagyon is újra kérem köszönöm jó napot szia üdvözlettel rendelés rendelésem számla jelszó fiók fiókom
		szállítás csomag segítség bejelentkezni soha pénz működik el be ki egy`,
	"tr": `ve veya ama değil bir bu şu o ben sen biz siz onlar benim senin bizim var yok ne kim nerede zaman neden nasıl için ile kadar sonra önce daha
		çok da de mi hâlâ sadece lütfen teşekkürler teşekkür ederim merhaba iyi günler saygılarımla sipariş siparişim fatura şifre hesap hesabım
		hesabıma teslimat paket yardım iade giriş yapamıyorum istiyorum çalışmıyor para hiç`,
	"id": `dan atau tetapi tidak bukan adalah ada saya aku anda kamu dia kami kita mereka ini itu apa siapa mana kapan mengapa bagaimana bisa dapat mau
		harus di ke dari dengan untuk pada yang sudah belum masih hanya sangat juga lagi tolong terima kasih halo selamat pagi pesanan faktur
		kata sandi akun pengiriman paket bantuan masuk uang`,
	"vi": `và hoặc nhưng không là có tôi bạn anh chị chúng của này đó gì ai đâu khi sao thế nào thể muốn phải trong với từ cho đến đã vẫn chỉ rất cũng
		lại xin cảm ơn chào đơn hàng hóa mật khẩu tài khoản giao giúp đỡ đăng nhập tiền được`,
	"ru": `и или но не нет это я ты он она мы вы они мой моя моё мои ваш что кто где когда почему как могу может хочу на с в из от до для без за уже ещё
		только очень тоже пожалуйста спасибо здравствуйте привет заказ счёт пароль аккаунт доставка помощь войти деньги`,
	"uk": `і й та або але не ні це я ти він вона ми ви вони мій моя моє мої ваш що хто де коли чому як можу може хочу на з у в із від до для без за вже ще
		тільки дуже також будь ласка дякую вітаю привіт замовлення рахунок пароль обліковий запис доставка допомога увійти гроші`,
	"bg": `и или но не е са бях аз ти той тя ние вие те моят моята ми ви какво кой къде кога защо как мога може искам на с в от до за без през вече още само
		много също моля благодаря здравейте поръчка фактура парола акаунт доставка помощ пари`,
}

// tellingLetters are letters beyond ASCII that few languages of the script use.
var tellingLetters = map[string]string{
	"de": "ßäöü", "fr": "éèêçœàùôîû", "es": "ñ¿¡áíóú", "it": "èàùòì", "pt": "ãõçáéâêôó", "nl": "ë",
	"sv": "åäö", "da": "æøå", "no": "æøå", "fi": "äö", "pl": "łąężśćńźż", "cs": "řěůščžýáí",
	"ro": "șțăâî", "hu": "őűáéöü", "tr": "ğışçöü", "vi": "đơưạảấầậắằẻẽếềểệịọốồổộớờởợụủứừửữự", "et": "õäöü",
	"ru": "ыэъё", "uk": "іїєґ", "bg": "ъ", "sr": "ђјљњћџ", "mk": "ѓќѕјљњџ", "be": "ўіы",
	"fa": "پچژگ", "ur": "ٹڈڑںےہ", "ar": "ةىأإ",
}

// hintLanguage is the main language of a country, for countryHint.
var hintLanguage = map[string]string{
	"US": "en", "GB": "en", "IE": "en", "AU": "en", "NZ": "en", "CA": "en", "IN": "en",
	"DE": "de", "AT": "de", "CH": "de", "LI": "de", "FR": "fr", "BE": "nl", "LU": "fr",
	"ES": "es", "MX": "es", "AR": "es", "CO": "es", "CL": "es", "PE": "es", "IT": "it", "PT": "pt", "BR": "pt",
	"NL": "nl", "SE": "sv", "DK": "da", "NO": "no", "FI": "fi", "PL": "pl", "CZ": "cs", "RO": "ro", "HU": "hu",
	"TR": "tr", "ID": "id", "VN": "vi", "RU": "ru", "UA": "uk", "BG": "bg", "RS": "sr", "BY": "be",
	"EG": "ar", "SA": "ar", "IR": "fa", "PK": "ur", "IL": "he",
}
