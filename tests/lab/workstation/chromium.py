"""A person at headless Chromium, driven through Debian's chromedriver: pages are opened, read, filled in and left as a person does it."""

import pathlib
import subprocess
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

PAGE_LIMIT = 60  # seconds
# Chromium's own sandbox cannot be had as root, in containers least of all; the pages are ours.
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--no-proxy-server",
             "--disable-background-networking", "--disable-component-update", "--disable-sync")


class Chromium:
    """A browser with a home of its own, which knows the public authorities and this one; closed at the end of the `with`."""

    def __init__(self, home, authority):
        self.home, self.authority = pathlib.Path(home), authority

    def __enter__(self):
        self.trust()
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        options.accept_insecure_certs = False  # WebDriver may be told to take any certificate; a person is not
        for argument in (*ARGUMENTS, f"--user-data-dir={self.home / 'profile'}"):
            options.add_argument(argument)
        environment = {"HOME": str(self.home), "TMPDIR": str(self.home), "PATH": "/usr/bin:/bin"}
        self.driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver", env=environment))
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def trust(self):
        """Into the store that Chromium reads on Linux: NSS's, in the home folder."""
        store = self.home / ".pki" / "nssdb"
        store.mkdir(parents=True)
        for arguments in (["-N", "--empty-password"], ["-A", "-n", "authority", "-t", "C,,", "-i", str(self.authority)]):
            subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True, capture_output=True, timeout=60)

    def open(self, url):
        self.driver.get(url)

    def path(self):
        return urllib.parse.urlsplit(self.driver.current_url).path

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def fill(self, button, **fields):
        """Fills fields of the page by their names, and presses the button that says this."""
        for name, value in fields.items():
            field = self.driver.find_element(By.CSS_SELECTOR, f'[name="{name}"]:not([type=hidden])')
            field.clear()
            field.send_keys(value)
        self.leave_by(By.XPATH, f'//button[normalize-space()="{button}"]')

    def follow(self, link):
        self.leave_by(By.LINK_TEXT, link)

    def leave_by(self, by, what):
        """Clicks there, and waits until the page is another one: the click itself does not."""
        page = self.driver.find_element(By.TAG_NAME, "html")
        self.driver.find_element(by, what).click()
        WebDriverWait(self.driver, PAGE_LIMIT).until(lambda driver: is_gone(page))
        WebDriverWait(self.driver, PAGE_LIMIT).until(lambda driver: driver.find_elements(By.TAG_NAME, "body"))

    def copy_below(self, heading):
        """What one click on the line below this heading selects, as the browser would put it into the clipboard."""
        self.driver.find_element(By.XPATH, f'//h4[normalize-space()="{heading}"]/following-sibling::pre[1]').click()
        return self.driver.execute_script("return window.getSelection().toString()")


def is_gone(element):
    """The driver has several errors for what is on a page no longer."""
    try:
        element.is_enabled()
    except WebDriverException:
        return True
    return False
